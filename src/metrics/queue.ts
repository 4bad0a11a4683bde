import type { Instruments } from './instruments.ts';
import { queuePriorities, type QueuePriority } from './labels.ts';

/** What metrics need to see of a work queue. Times in milliseconds. */
export interface FollowedQueue {
  readonly counts: { readonly adds: number; readonly retries: number };
  snapshot(): {
    readonly ready: readonly { readonly priority: QueuePriority }[];
    readonly delayed: readonly unknown[];
    readonly active: readonly { readonly forMs: number }[];
  };
}

/** The queue and its workers. Depth and counts are read from the queue itself at every scrape. */
export function queueMetrics(instruments: Instruments) {
  let queue: FollowedQueue | undefined;
  let maxWorkers = 0;
  const snapshot = () => queue?.snapshot() ?? { ready: [], delayed: [], active: [] };
  instruments.gauge('workqueue_depth', () => {
    const { ready } = snapshot();
    return queuePriorities.map((priority) => ({
      labels: { priority },
      value: ready.filter((item) => item.priority === priority).length,
    }));
  });
  instruments.gauge('workqueue_delayed', () => [{ labels: {}, value: snapshot().delayed.length }]);
  instruments.gauge('workqueue_longest_running_seconds', () => [
    { labels: {}, value: Math.max(0, ...snapshot().active.map(({ forMs }) => forMs)) / 1_000 },
  ]);
  instruments.gauge('workers', () => [
    { labels: { state: 'busy' }, value: snapshot().active.length },
    { labels: { state: 'max' }, value: maxWorkers },
  ]);
  instruments.followedCounter('workqueue_adds_total', () => [{ labels: {}, value: queue?.counts.adds ?? 0 }]);
  instruments.followedCounter('workqueue_retries_total', () => [{ labels: {}, value: queue?.counts.retries ?? 0 }]);
  const wait = instruments.histogram('workqueue_wait_seconds');
  const work = instruments.histogram('workqueue_work_seconds');
  return {
    /** Read depth, counts and workers from this queue from now on. */
    follow(followed: FollowedQueue, { workers }: { readonly workers: number }): void {
      queue = followed;
      maxWorkers = workers;
    },
    /** A worker took a key. */
    taken: (waitedSeconds: number) => wait({}, waitedSeconds),
    /** A worker gave a key back. */
    done: (workedSeconds: number) => work({}, workedSeconds),
  };
}
