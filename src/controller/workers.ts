import type { Clock } from '../base/clock.ts';
import type { Journal } from './journal.ts';
import type { QueueItem, QueueResult, WorkQueue } from './queue.ts';

/** Looks after one key. */
export type KeyHandler = (item: QueueItem, signal: AbortSignal) => Promise<QueueResult>;

export interface WorkersInit {
  readonly queue: WorkQueue;
  readonly count: number;
  readonly handle: KeyHandler;
  readonly journal: Journal;
  /** Called after each key, for metrics. */
  readonly onDone: (item: QueueItem, result: QueueResult, workedMs: number) => void;
  readonly clock: Clock;
}

/** Take keys off the queue until the signal aborts; resolves when the last of them is done. */
export async function runWorkers(
  { queue, count, handle, journal, onDone, clock }: WorkersInit,
  signal: AbortSignal,
): Promise<void> {
  const worker = async () => {
    for (;;) {
      const item = await nextOrEnd(queue, signal);
      if (!item) return;
      const began = clock.monotonic();
      const result = await handle(item, signal).catch((error: unknown): QueueResult => {
        if (!signal.aborted) journal.bug(item.key, error);
        return { kind: 'failed' };
      });
      queue.done(item.key, result);
      onDone(item, result, clock.monotonic() - began);
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
}

async function nextOrEnd(queue: WorkQueue, signal: AbortSignal): Promise<QueueItem | undefined> {
  try {
    return await queue.next(signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
