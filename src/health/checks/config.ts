import { messageOf, type Problem, renderPosition } from '../../base/problem.ts';
import { failed, ok, unknown, warning, type HealthCheck } from '../check.ts';

/** Whether the settings files can be used, and which counts most. */
export const configCheck: HealthCheck = {
  name: 'config',
  group: 'CONFIGURATION',
  look: async ({ seen: { files, problems, warnings }, isRoot }) => {
    // Somebody else's file is for root to judge.
    if (!isRoot && problems.length > 0 && problems.every(isRefused)) return unknown(problems.map(linesOf).join('; '));
    if (problems.length > 0) {
      return failed(`Settings cannot be used: ${problems.map(linesOf).join('; ')}`, hintsOf(problems));
    }
    if (warnings.length > 0)
      return warning(`Settings mean nothing: ${warnings.map(linesOf).join('; ')}`, hintsOf(warnings));
    const highest = files.at(-1);
    if (highest === undefined) return ok('There are no settings files: built-in settings hold');
    return ok(`The highest settings file is ${highest}`, { files: files.join(', ') });
  },
};

/** Whether a file is there and may not be read. */
function isRefused({ cause }: Problem): boolean {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM';
}

function linesOf(problem: Problem): string {
  const { position } = problem;
  return `${position ? `${renderPosition(position)}: ` : ''}${messageOf(problem)}`;
}

function hintsOf(problems: readonly Problem[]): string[] {
  return problems.flatMap(({ hint, position }) =>
    hint === undefined ? [`# Correct ${position?.file ?? 'it'}`] : [`# ${hint}`],
  );
}
