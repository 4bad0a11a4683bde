import { progress } from './report.ts';
import { Stage } from './stage.ts';

const size = 1_000;
const running = 20;

let opened: Promise<Stage> | undefined;

/** A stage with 1,000 declared sandboxes in as many files, 20 of them running. Built once for all who look at it. */
export function largeFleet(): Promise<Stage> {
  opened ??= build();
  return opened;
}

/** Takes the fleet down, if anybody had it built. */
export async function endLargeFleet(): Promise<void> {
  await (await opened)?.[Symbol.asyncDispose]();
}

async function build(): Promise<Stage> {
  const stage = await Stage.open();
  const names = Array.from({ length: size }, (_, index) => `many${index}`);
  await stage.dropAll(names, (index) => (index < running ? '' : 'state = "stopped"'));
  progress(`Building ${size} sandboxes takes a few minutes`);
  await stage.settled(names, { timeoutMs: 900_000, everyMs: 2_000 });
  return stage;
}
