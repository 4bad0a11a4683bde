import type { MonitorReport } from '../../src/controller/monitor-api.ts';
import type { LabController } from '../lab/controller.ts';
import { until } from '../lab/until.ts';

/** A line of the detection log, as far as tests ask for it. */
export interface Detection {
  readonly timestamp: string;
  readonly level: 'info' | 'warning' | 'high' | 'critical';
  readonly rule: string;
  readonly title: string;
  readonly description: string;
  /** What was done, such as `logged` or `paused`. */
  readonly action: string;
}

/** What a detection may have had done to a sandbox. */
const acts = new Set(['isolated', 'paused', 'killed', 'failed']);

/** Everything in the detection log of a sandbox, oldest first. @throws when the command fails */
export async function detectionsOf(controller: LabController, name: string): Promise<Detection[]> {
  const { stdout, stderr, exitCode } = await controller.coi('monitor', 'audit', name, '--format', 'jsonl');
  if (exitCode !== 0) throw new Error(`coi monitor audit ${name} ended with ${exitCode}: ${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Detection);
}

/** Those that something followed from beyond a line and an alert, or should have. */
export function actedOn(detections: readonly Detection[]): Detection[] {
  return detections.filter(({ action }) => acts.has(action));
}

/** Why a sandbox is held by a rule, if it is. */
export async function heldBecause(controller: LabController, name: string): Promise<string[]> {
  const report = await controller.sandbox(name);
  const held = report?.overrides.filter(({ kind }) => kind === 'quarantine') ?? [];
  return held.map(({ by, reason }) => `${by}: ${reason}`);
}

/** Samples of metrics whose names begin so. */
export async function samplesOf(controller: LabController, prefix: string): Promise<string[]> {
  return (await controller.metrics()).filter((line) => line.startsWith(prefix));
}

/** What was detected, as a table for people: each rule once, with how often and one example. */
export function tableOf(detections: readonly Detection[]): string {
  const groups = Map.groupBy(detections, ({ rule, level, action }) => `${rule} ${level} ${action}`);
  const rows = [...groups.values()].map((of) => {
    const [{ rule, level, action, description }] = of as [Detection, ...Detection[]];
    const example = JSON.stringify(description).slice(0, 100);
    return `  ${rule.padEnd(32)} ${level.padEnd(8)} ${action.padEnd(14)} ${String(of.length).padStart(4)}  ${example}`;
  });
  return rows.length === 0 ? '  nothing' : rows.toSorted().join('\n');
}

/** Waits until every program that starts is seen: compiling what looks into the kernel takes seconds. @throws with why it is not so */
export async function untilWatched(controller: LabController, name: string): Promise<void> {
  const look = async () => {
    const { stdout } = await controller.coi('monitor', name, '--json');
    const process = (JSON.parse(stdout) as MonitorReport).sensors.find(({ sensor }) => sensor === 'process');
    if (process?.state !== 'active') throw new Error(`The sensor is ${process?.state}: ${process?.because}`);
    return true;
  };
  await until('processes to be watched', look, { timeoutMs: 90_000, everyMs: 500 });
}
