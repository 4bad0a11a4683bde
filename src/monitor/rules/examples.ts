import type { Monitoring } from '../../spec/monitoring.ts';
import type { SensorEvent } from '../event.ts';
import type { WatchedContainer } from '../sensor.ts';
import type { Rule } from './rule.ts';
import { RuleSet } from './rule-set.ts';
import type { ExampleText } from './schema.ts';

/** How an example came out. */
export interface ExampleResult {
  readonly rule: Rule;
  /** Its number, from 1. */
  readonly number: number;
  readonly wanted: boolean;
  readonly matched: boolean;
}

/** What examples are judged by, whatever settings say. */
export const exampleMonitoring: Monitoring = {
  enabled: true,
  freezesOnHigh: true,
  killsOnCritical: true,
  pollMs: 2000,
  read: { thresholdMb: 1000, mbPerSecond: 500 },
  write: { thresholdMb: 1000, mbPerSecond: 500 },
  logDays: 30,
  network: { enabled: true, flowsPerSecond: 100, namesPerMinute: 100, logsNames: true, limaHost: '' },
  rules: {},
};

const container: WatchedContainer = {
  uid: 'example',
  name: 'example',
  instance: 'coi-example',
  init: undefined,
  addresses: [],
  monitoring: exampleMonitoring,
};

/** Judge all examples of a rule, each on its own, by that rule alone. */
export function runExamples(rule: Rule): ExampleResult[] {
  return rule.examples.map((example, index) => ({
    rule,
    number: index + 1,
    wanted: example.matches,
    matched: matches(rule, example),
  }));
}

function matches(rule: Rule, { event, times = 1 }: ExampleText): boolean {
  const rules = new RuleSet([{ ...rule, enabled: true }]);
  const events = Array.from({ length: times }, (_, index) => eventOf(rule, event, index));
  return events.map((each) => rules.judge(each, container)).some((found) => found.length > 0);
}

const processDefaults = { pid: 4711, ppid: 4700, name: '', program: '', words: [], parents: [] };

/** What an event holds that an example does not mention. */
const defaults: Readonly<Record<Rule['event'], object>> = {
  exec: processDefaults,
  stdio: { ...processDefaults, descriptor: 0 },
  file: { ...processDefaults, path: '', access: 'read' },
  call: { ...processDefaults, call: 'mount', details: [] },
  connection: { proto: 'tcp', source: '10.90.0.2', address: '', verdict: 'passed' },
  name: { name: '', type: 'A', result: 'answered' },
  volume: { seconds: 2, readMb: 0, writtenMb: 0 },
  tmp: { usedMb: 0, totalMb: 1000, usedPercent: 0 },
  unseen: { sensor: 'process', count: 1 },
};

/** The event of an example. `{n}` in its texts is its number, so that those of a series can differ. */
function eventOf(rule: Rule, given: ExampleText['event'], index: number): SensorEvent {
  const filled = numbered(given, index) as Readonly<Record<string, unknown>>;
  const parents = (filled['parents'] as readonly object[] | undefined)?.map((each) => ({
    ...processDefaults,
    ...each,
  }));
  const command = commandOf(filled);
  const common = { uid: container.uid, at: 1_700_000_000_000 + index };
  const event = {
    ...common,
    kind: rule.event,
    ...defaults[rule.event],
    ...filled,
    ...command,
    ...(parents && { parents }),
  };
  return event as unknown as SensorEvent;
}

/** `command` and `shell` are short for the words of a program, and of a shell that is given a text. */
function commandOf({ command, shell, program }: Readonly<Record<string, unknown>>): object {
  const words = typeof shell === 'string' ? ['sh', '-c', shell] : typeof command === 'string' ? command.split(' ') : [];
  const [first] = words;
  if (first === undefined) return {};
  return { words, program: program ?? (first.startsWith('/') ? first : `/usr/bin/${first}`) };
}

function numbered(value: unknown, index: number): unknown {
  if (typeof value === 'string') return value.replaceAll('{n}', String(index));
  if (Array.isArray(value)) return value.map((each) => numbered(each, index));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, numbered(each, index)]));
}
