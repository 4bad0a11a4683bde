import { setTimeout as sleep } from 'node:timers/promises';
import { programsBelow, treeTime } from './process-usage.ts';
import { progress, report } from './report.ts';
import { Stage } from './stage.ts';
import { untilWatched, unwatched } from './watching.ts';

const size = 50;
const seconds = 60;

/** What watching sandboxes takes in which nothing happens: the controller and all its children, and beside it the same unwatched. */
export async function monitorCpu(): Promise<void> {
  await using stage = await Stage.open();
  const names = Array.from({ length: size }, (_, index) => `idle${index}`);
  await stage.dropAll(names);
  await stage.settled(names, { timeoutMs: 300_000, everyMs: 500 });
  const source = await untilWatched(stage, names.at(-1)!, true);
  progress(`monitor-cpu: ${size} sandboxes are watched by ${source}`);
  const watched = await percentOfACore(stage.pid);
  const programs = await programsBelow(stage.pid);
  await stage.dropAll(names, () => unwatched);
  await untilWatched(stage, names.at(-1)!, false);
  await stage.settled(names);
  const plain = await percentOfACore(stage.pid);
  const details = { sandboxes: size, seconds, source, programs, unwatchedPercent: plain };
  report({ name: 'monitor-cpu', value: watched, unit: '% of a core', limit: 2, better: 'lower' }, details);
}

async function percentOfACore(pid: number): Promise<number> {
  // What starting or changing them has left to do is no idling.
  await sleep(15_000);
  const [began, before] = [performance.now(), await treeTime(pid)];
  await sleep(seconds * 1_000);
  return (((await treeTime(pid)) - before) / (performance.now() - began)) * 100_000;
}
