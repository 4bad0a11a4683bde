import { resolve } from 'node:path';
import { renderProblem } from '../base/problem.ts';
import { reportProblem } from '../controller/report.ts';
import { lintRule } from '../monitor/rules/lint-rules.ts';
import { combineRules, readRuleFile, type LoadedRules } from '../monitor/rules/load-rules.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { loadOwnRules } from './own-rules.ts';
import { plural } from './plural.ts';
import { jsonText, printableLines } from './printable.ts';
import type { Verb } from './verb.ts';

/** `coi rules lint` */
export const rulesLint: Verb = async ({ io, args, options }) => {
  const { rules, problems: unusable } = await loadedFrom(io, args);
  const named = new Set(args.map((file) => resolve(io.cwd, file)));
  const meant = rules.rules.filter(({ position }) => named.size === 0 || named.has(position.file));
  const problems = [...unusable, ...meant.flatMap(lintRule)];
  const isValid = problems.length === 0;
  if (options['format'] === 'json') {
    io.stdout.write(jsonText({ valid: isValid, rules: meant.length, problems: problems.map(reportProblem) }));
  } else {
    for (const problem of problems) io.stdout.write(`${printableLines(renderProblem(problem))}\n`);
    const found = isValid ? 'no problems' : plural(problems.length, 'problem');
    io.stdout.write(`${plural(meant.length, 'rule')}: ${found}\n`);
  }
  return isValid ? exitCodes.done : exitCodes.failed;
};

/** Files that are named, laid over what is in force: so that what they change is there. */
async function loadedFrom(io: Io, names: readonly string[]): Promise<LoadedRules> {
  const own = await loadOwnRules(io);
  if (names.length === 0) return own;
  const files = await Promise.all(names.map((name) => readRuleFile(resolve(io.cwd, name))));
  return combineRules([{ rules: own.rules.rules, changes: [], problems: [] }, ...files]);
}
