import { Problem } from '../../base/problem.ts';
import { checkData, startsWith } from '../../spec/check-data.ts';
import { renderPath } from '../../spec/describe.ts';
import type { KeyPath } from '../../spec/locate-toml.ts';
import { parseToml, type TomlDocument } from '../../spec/parse-toml.ts';
import { compileChange, compileRule, type Change, type Compiled } from './compile-rule.ts';
import type { Fault } from './condition.ts';
import type { Rule } from './rule.ts';
import { ruleFileSchema, type ChangeText, type RuleText } from './schema.ts';

/** What a file of rules says. */
export interface RuleFile {
  readonly rules: readonly Rule[];
  readonly changes: readonly Change[];
  /** What is wrong with it, by place; rules and changes with a problem are left out. */
  readonly problems: readonly Problem[];
}

/** Read a file of rules: each rule that is right stands, whatever is wrong with others. */
export function readRules(file: string, text: string, isBuiltIn: boolean): RuleFile {
  const document = parseToml(file, text);
  if (document instanceof Problem) return { rules: [], changes: [], problems: [document] };
  const source = { file, document, isBuiltIn };
  const found = checkData({ schema: ruleFileSchema, file, ...document });
  const isRight = (path: KeyPath) =>
    !found.some((each) => startsWith(each.path, path) || each.path.length < path.length);
  const rules = listOf(document.data['rule']).flatMap((rule, index) =>
    isRight(['rule', index]) ? [compileRule(rule as RuleText, { ...source, path: ['rule', index] })] : [],
  );
  const changes = Object.entries(tableOf(document.data['change'])).flatMap(([id, change]) =>
    isRight(['change', id]) ? [compileChange(id, change as ChangeText, { ...source, path: ['change', id] })] : [],
  );
  const { kept, doubled } = withoutDoubles(usable(rules));
  const faults = [...rules, ...changes].flatMap((each) => each.faults);
  const problems = [
    ...found.map(({ problem }) => problem),
    ...faults.map((fault) => problemOf(fault, file, document)),
    ...doubled,
  ];
  return { rules: kept, changes: usable(changes), problems };
}

function usable<Made>(compiled: readonly Compiled<Made>[]): Made[] {
  return compiled.filter(({ faults }) => faults.length === 0).map(({ made }) => made);
}

function withoutDoubles(rules: readonly Rule[]): { kept: Rule[]; doubled: Problem[] } {
  const known = new Map<string, Rule>();
  const doubled: Problem[] = [];
  for (const rule of rules) {
    const { id } = rule.about;
    if (!known.has(id)) known.set(id, rule);
    else {
      doubled.push(
        new Problem({
          code: 'rules.double',
          message: `rule "${id}" is in this file twice`,
          hint: `Give one of them another id; the one in line ${known.get(id)!.position.line} is used.`,
          position: rule.position,
        }),
      );
    }
  }
  return { kept: [...known.values()], doubled };
}

function problemOf({ path, message, hint }: Fault, file: string, { locator }: TomlDocument): Problem {
  return new Problem({
    code: 'rules.condition',
    message: `${renderPath(path)} ${message}`,
    hint,
    position: { file, ...locator.nearest(path).key },
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
