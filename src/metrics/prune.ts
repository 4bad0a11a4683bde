import type { Instruments } from './instruments.ts';
import {
  pruneBlocks,
  pruneKinds,
  type PruneKind,
  type PruneOutcome,
  type UnmanagedKind,
  unmanagedKinds,
} from './labels.ts';

/** Removal of what is not declared any more, and what is left over. */
export function pruneMetrics(instruments: Instruments) {
  let readOrphans: () => Partial<Record<PruneKind, number>> = () => ({});
  let readUnmanaged: () => Partial<Record<UnmanagedKind, number>> = () => ({});
  const removed = instruments.counter('prune_total');
  const blocked = instruments.counter('prune_blocked_total');
  instruments.gauge('orphans', () => {
    const counts = readOrphans();
    return pruneKinds.map((kind) => ({ labels: { kind }, value: counts[kind] ?? 0 }));
  });
  instruments.gauge('unmanaged', () => {
    const counts = readUnmanaged();
    return unmanagedKinds.map((kind) => ({ labels: { kind }, value: counts[kind] ?? 0 }));
  });
  return {
    /** Something that is no longer declared, or whose owner is gone, was removed or could not be. */
    removed: (kind: PruneKind, outcome: PruneOutcome) => removed({ kind, outcome }),
    /** A deletion began to be held back. Reasons that are none of pruning are not counted. */
    blocked(reason: string): void {
      const known = pruneBlocks.find((each) => each === reason);
      if (known) blocked({ reason: known });
    },
    /** Read the number of orphans at every scrape. */
    followOrphans(read: typeof readOrphans): void {
      readOrphans = read;
    },
    /** Read the number of things that look like ours and are not at every scrape. */
    followUnmanaged(read: typeof readUnmanaged): void {
      readUnmanaged = read;
    },
  };
}
