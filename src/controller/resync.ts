import { pause, type Clock } from '../base/clock.ts';
import type { Seen } from './answer-looks.ts';
import { imageKey, instancesKey, linksKey, networkKey, sandboxKey } from './hints.ts';
import { knownNames } from './known-names.ts';
import type { Priority, WorkQueue } from './queue.ts';

/** Everything is looked at again after this time, give or take a tenth, whether or not anything was heard of. */
const resyncMs = 60_000;
const jitter = 0.1;

/** Whose queue gets the keys, and what is known to give them names. */
export interface Resynced extends Seen {
  readonly queue: WorkQueue;
}

/** Look at everything again; unless said otherwise when nothing more urgent is left. */
export function resync(all: Resynced, priority: Priority = 'resync'): void {
  for (const key of [instancesKey, networkKey, linksKey]) all.queue.add(key, { priority });
  for (const name of all.desired.images().keys()) all.queue.add(imageKey(name), { priority });
  for (const name of knownNames(all)) all.queue.add(sandboxKey(name), { priority });
}

/** Look at everything again every minute until the signal aborts. */
export async function resyncForEver(
  all: Resynced,
  { clock, random = Math.random }: { clock: Clock; random?: () => number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const waitMs = resyncMs * (1 - jitter + 2 * jitter * random());
    await pause(clock, waitMs, signal);
    if (!signal.aborted) resync(all);
  }
}
