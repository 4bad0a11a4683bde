import { Problem } from '../base/problem.ts';
import { sessionSourceName } from '../spec/schema/formats.ts';

/** A name that is safe as part of a file name. @throws {Problem} `session.name` when it is not a sandbox's name */
export function checkName(name: string): string {
  if (sessionSourceName.safeParse(name).success) return name;
  throw new Problem({
    code: 'session.name',
    message: `${JSON.stringify(name)} is not a name for a sandbox`,
    hint: 'Use lower case letters, digits and dashes, 59 at most, with a letter or digit at both ends.',
  });
}
