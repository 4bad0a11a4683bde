import { runExamples, type ExampleResult } from '../monitor/rules/examples.ts';
import type { Rule } from '../monitor/rules/rule.ts';
import { nearest } from '../spec/nearest.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { loadOwnRules, warnOfRules } from './own-rules.ts';
import { plural } from './plural.ts';
import { jsonText, printable } from './printable.ts';
import { painter } from './style.ts';
import { renderTable } from './table.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';

/** `coi rules test` */
export const rulesTest: Verb = async ({ io, args, options }) => {
  const loaded = await loadOwnRules(io);
  warnOfRules(loaded, io);
  const results = chosen(loaded.rules.rules, args).map((rule) => ({ rule, examples: runExamples(rule) }));
  const failed = results.flatMap(({ examples }) => examples).filter((each) => !isRight(each));
  if (options['format'] === 'json') io.stdout.write(jsonText(results.map(report)));
  else io.stdout.write(textOf(results, io));
  return failed.length === 0 ? exitCodes.done : exitCodes.failed;
};

interface Tested {
  readonly rule: Rule;
  readonly examples: readonly ExampleResult[];
}

function chosen(rules: readonly Rule[], ids: readonly string[]): readonly Rule[] {
  const known = new Map(rules.map((rule) => [rule.about.id, rule]));
  const unknown = ids.find((id) => !known.has(id));
  if (unknown === undefined) return ids.length === 0 ? rules : ids.map((id) => known.get(id)!);
  const meant = nearest(unknown, [...known.keys()]);
  const hint = meant === undefined ? 'See: coi rules list' : `Did you mean ${meant}?`;
  throw new UsageProblem(`there is no rule "${unknown}"`, hint, exitCodes.usage);
}

function isRight({ wanted, matched }: ExampleResult): boolean {
  return wanted === matched;
}

function textOf(results: readonly Tested[], io: Io): string {
  const paint = painter(io.stdout, io);
  const rows = results.map(({ rule, examples }) => {
    const wrong = examples.filter((each) => !isRight(each));
    const verdict = wrong.length > 0 ? paint('red', 'failed') : examples.length > 0 ? paint('green', 'ok') : 'none';
    const matching = examples.filter(({ wanted }) => wanted).length;
    const counts = [String(matching), String(examples.length - matching)];
    return [printable(rule.about.id), verdict, ...counts, wrong.map(faultOf).join('; ')];
  });
  const examples = results.flatMap((each) => each.examples);
  const wrong = examples.filter((each) => !isRight(each)).length;
  const sum = `${plural(results.length, 'rule')}, ${plural(examples.length, 'example')}: ${wrong === 0 ? 'all as they should' : `${wrong} failed`}\n`;
  return renderTable({ head: ['ID', 'RESULT', 'MATCH', 'NO MATCH', 'WRONG'], rows }) + sum;
}

function faultOf({ number, matched }: ExampleResult): string {
  return `example ${number} ${matched ? 'matches' : 'does not match'}`;
}

function report({ rule, examples }: Tested) {
  return {
    id: rule.about.id,
    ok: examples.every(isRight),
    examples: examples.map(({ number, wanted, matched }) => ({ number, matches: wanted, matched })),
  };
}
