import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFolder } from '../../base/own-files.ts';
import { messageOf, Problem } from '../../base/problem.ts';
import { isOpenToAll, readTrustedFile, worldWritable } from '../../source/trusted-file.ts';
import { nearest } from '../../spec/nearest.ts';
import type { Change } from './compile-rule.ts';
import { readRules, type RuleFile } from './read-rules.ts';
import type { Rule } from './rule.ts';
import { RuleSet } from './rule-set.ts';

/** Rules that come with coi. */
export const builtInDirectory = join(packageFolder, 'src/monitor/rules');

/** Rules, and what is wrong with their files. */
export interface LoadedRules {
  readonly rules: RuleSet;
  readonly problems: readonly Problem[];
}

/**
 * Load the built-in rules, then those of more directories, `*.toml` by name. A later rule takes the place of an earlier
 * one with the same id, and `[change.ID]` changes one. What cannot be used is a problem, and the rest is in force: a
 * rule that was to take another's place and is wrong leaves that one as it was.
 *
 * @param directories in this order; one that is not there holds none
 */
export async function loadRules({ directories }: { readonly directories: readonly string[] }): Promise<LoadedRules> {
  const files = [
    ...(await readDirectory(builtInDirectory, true)),
    ...(await Promise.all(directories.map((directory) => readDirectory(directory, false)))).flat(),
  ];
  return combineRules(files);
}

/** Lay files of rules over each other, the first at the bottom. */
export function combineRules(files: readonly RuleFile[]): LoadedRules {
  const rules = new Map<string, Rule>();
  for (const rule of files.flatMap((file) => file.rules)) rules.set(rule.about.id, rule);
  const problems = files.flatMap((file) => file.problems);
  for (const change of files.flatMap((file) => file.changes)) {
    const rule = rules.get(change.id);
    const result = rule ? withChange(rule, change) : [unknownRule(change, [...rules.keys()])];
    if (Array.isArray(result)) problems.push(...result);
    else rules.set(change.id, result);
  }
  return { rules: new RuleSet([...rules.values()]), problems };
}

function withChange(rule: Rule, change: Change): Rule | Problem[] {
  const exceptions = change.exceptionsFor(rule.event);
  if (exceptions.faults.length > 0) {
    return exceptions.faults.map(({ path, message, hint }) =>
      problemAt(change, path, `${path.join('.')} ${message}`, hint),
    );
  }
  const { enabled = rule.enabled, severity = rule.about.severity, response = rule.about.response } = change;
  const about = { ...rule.about, severity, ...(response !== undefined && { response }) };
  return { ...rule, enabled, about, exceptions: [...rule.exceptions, ...exceptions.made] };
}

function unknownRule(change: Change, known: readonly string[]): Problem {
  const meant = nearest(change.id, known);
  const hint = meant === undefined ? 'See: coi rules list' : `Did you mean "${meant}"?`;
  return problemAt(change, change.place.path, `there is no rule "${change.id}" to change`, hint);
}

function problemAt({ place }: Change, path: readonly (string | number)[], message: string, hint: string): Problem {
  const { file, document } = place;
  return new Problem({
    code: 'rules.change',
    message,
    hint,
    position: { file, ...document.locator.nearest(path).key },
  });
}

async function readDirectory(directory: string, isBuiltIn: boolean): Promise<RuleFile[]> {
  let names: string[];
  try {
    // Whoever may write there could switch off what watches.
    if (!isBuiltIn && isOpenToAll(await stat(directory, { bigint: true })))
      return [withProblem(worldWritable(directory, 'directory'))];
    names = (await readdir(directory)).filter((name) => name.endsWith('.toml') && !name.startsWith('.')).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !isBuiltIn) return [];
    return [withProblem(unreadable(directory, error))];
  }
  return Promise.all(names.map((name) => readRuleFile(join(directory, name), isBuiltIn)));
}

/** Read one file of rules. What keeps it from being read is its only problem. */
export async function readRuleFile(file: string, isBuiltIn = false): Promise<RuleFile> {
  try {
    const real = await realpath(file);
    const { text } = await readTrustedFile({ shown: file, real, root: '' });
    return readRules(file, text, isBuiltIn);
  } catch (error) {
    return withProblem(error instanceof Problem ? error : unreadable(file, error));
  }
}

function withProblem(problem: Problem): RuleFile {
  return { rules: [], changes: [], problems: [problem] };
}

function unreadable(path: string, cause: unknown): Problem {
  return new Problem({
    code: 'rules.unreadable',
    message: `Cannot read rules: ${messageOf(cause)}`,
    hint: 'Look at its owner, its permissions and what it is mounted from.',
    retry: 'backoff',
    position: { file: path },
    cause,
  });
}
