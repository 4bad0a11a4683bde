import { Problem } from '../../base/problem.ts';

/** A repository whose files lead git out of it, or make it wait for ever. */
export function elsewhere(path: string, why: string): Problem {
  return new Problem({
    code: 'git.elsewhere',
    message: `${path} ${why}: git could be led to files that are not of this workspace`,
    hint: 'Put it right on the host; or fork with --shared, so that the copies work in the same directory.',
  });
}
