import { randomUUID } from 'node:crypto';
import type { Match } from '../../../src/monitor/detection.ts';
import type { DetectionEntry } from '../../../src/monitor/detection-sink.ts';
import type { ExecEvent, SensorEvent } from '../../../src/monitor/event.ts';

export const exec = (words: readonly string[], more: Partial<ExecEvent> = {}): ExecEvent => ({
  kind: 'exec',
  uid: 'U1',
  at: Date.now(),
  pid: 4711,
  ppid: 4700,
  user: 1000,
  name: words[0] ?? '',
  program: `/usr/bin/${words[0] ?? ''}`,
  words,
  parents: [],
  ...more,
});

/** A match of a rule that exists in no file, on this event. */
export function matchOf(event: SensorEvent, rule: Partial<Match['rule']> = {}): Match {
  return {
    rule: {
      id: 'reverse-shell',
      title: 'Reverse shell',
      severity: 'critical',
      category: 'process',
      mitre: 'T1059.004',
      maturity: 'stable',
      ...rule,
    },
    event,
    sensor: 'process',
    cause: `${rule.id ?? 'reverse-shell'}:sh`,
    description: 'A shell that talks to the network',
  };
}

/** A detection of the sandbox `web`. */
export function detection(more: Partial<DetectionEntry> = {}): DetectionEntry {
  return {
    id: randomUUID(),
    uid: 'U1',
    sandbox: 'web',
    instance: 'coi-web',
    at: Date.now(),
    match: matchOf(exec(['bash', '-i'])),
    outcome: 'alerted',
    ...more,
  };
}
