import { Problem } from '../../../src/base/problem.ts';
import type { Match } from '../../../src/monitor/detection.ts';
import type { SensorEvent } from '../../../src/monitor/event.ts';
import { exampleMonitoring } from '../../../src/monitor/rules/examples.ts';
import { combineRules } from '../../../src/monitor/rules/load-rules.ts';
import { readRules } from '../../../src/monitor/rules/read-rules.ts';
import type { RuleSet } from '../../../src/monitor/rules/rule-set.ts';
import type { WatchedContainer } from '../../../src/monitor/sensor.ts';
import type { Monitoring } from '../../../src/spec/monitoring.ts';

/** A sandbox that is watched as examples are, save what is said. */
export function sandbox(monitoring: Partial<Monitoring> = {}, uid = 'one'): WatchedContainer {
  const about = { name: uid, instance: `coi-${uid}`, init: undefined, addresses: [] };
  return { uid, ...about, monitoring: { ...exampleMonitoring, ...monitoring } };
}

/** A program that was started by these words, at `/usr/bin` unless the first one is a path. */
export function exec(words: readonly string[], more: object = {}): SensorEvent {
  const [first = ''] = words;
  const program = first.startsWith('/') ? first : `/usr/bin/${first}`;
  const seen = { kind: 'exec', uid: 'one', at: 1_700_000_000_000 };
  return { ...seen, pid: 2, ppid: 1, name: '', program, words, parents: [], ...more } as SensorEvent;
}

/** Any other event. */
export function event(kind: SensorEvent['kind'], more: object): SensorEvent {
  return { uid: 'one', at: 1_700_000_000_000, kind, ...more } as SensorEvent;
}

/** A rule as TOML, right in all that is not said. */
export function ruleText(more: string, id = 'test.rule'): string {
  const about = `id = "${id}"\ntitle = "A test"\ndescription = "Nothing."\nseverity = "high"\ncategory = "process"\n`;
  const rest = 'mitre = "T1059"\nmaturity = "stable"\n';
  return `[[rule]]\n${about}${rest}${more}\n`;
}

/** Rules of one text, all of which must be usable. */
export function rulesOf(text: string): RuleSet {
  const { rules, problems } = combineRules([readRules('test.toml', text, false)]);
  if (problems[0] instanceof Problem) throw problems[0];
  return rules;
}

export function idsOf(matches: readonly Match[]): string[] {
  return matches.map(({ rule }) => rule.id);
}
