import { setTimeout as sleep } from 'node:timers/promises';
import { largeFleet } from './large-fleet.ts';
import { processorTime, residentMiB } from './process-usage.ts';
import { report } from './report.ts';

const seconds = 60;

/** 1,000 declared sandboxes and nothing that happens: what the controller takes of a core, and of memory. */
export async function idle(): Promise<void> {
  const { pid } = await largeFleet();
  // What building or sweeping has left to do is no idling.
  await sleep(10_000);
  const began = performance.now();
  const before = await processorTime(pid);
  let largest = 0;
  for (let second = 0; second < seconds; second += 1) {
    await sleep(1_000);
    largest = Math.max(largest, await residentMiB(pid));
  }
  const after = await processorTime(pid);
  const percent = (used: number) => (used / (performance.now() - began)) * 100_000;
  const details = { seconds, childrenPercent: percent(after.children - before.children) };
  report(
    { name: 'idle.cpu', value: percent(after.own - before.own), unit: '% of a core', limit: 1, better: 'lower' },
    details,
  );
  report({ name: 'idle.memory', value: largest, unit: 'MiB', limit: 150, better: 'lower' }, { seconds });
}
