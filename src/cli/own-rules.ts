import { join } from 'node:path';
import { renderProblem } from '../base/problem.ts';
import { loadRules, type LoadedRules } from '../monitor/rules/load-rules.ts';
import type { Io } from './io.ts';
import { printableLines } from './printable.ts';
import { etcDirectory } from './settings-files.ts';

/** The directory of users' own rules. */
export function rulesDirectory(env: NodeJS.ProcessEnv): string {
  return join(etcDirectory(env), 'rules');
}

/** The rules of coi with the users' own, as the controller has them. */
export async function loadOwnRules({ env }: Pick<Io, 'env'>): Promise<LoadedRules> {
  return await loadRules({ directories: [rulesDirectory(env)] });
}

/** Say on stderr which rules are left out, and why. */
export function warnOfRules({ problems }: LoadedRules, io: Io): void {
  for (const problem of problems) io.stderr.write(`coi: ${printableLines(renderProblem(problem))}\n`);
}
