import type { TreeLimits } from '../../host/tree/entry.ts';

/** Far beyond what agents leave behind, and not enough to fill a disk. */
export const usualLimits: TreeLimits = { maxBytes: 4 * 2 ** 30, maxEntries: 100_000, maxDepth: 64 };
