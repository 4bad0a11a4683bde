import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';

/** What keeping stages needs. */
export interface StageTools {
  readonly incus: Pick<Incus, 'snapshots' | 'operations'>;
  /** Name of the build container. */
  readonly instance: string;
}

/**
 * How stages are kept: as snapshots of the build container, each with the hash of all that is in it. On btrfs that costs
 * some 50 ms a stage, where an image of its own would be packed and unpacked each time.
 */
const prefix = 'stage-';

/** Longest a snapshot may take, in milliseconds: drivers without their own copy all files. */
const longestMs = 1_800_000;

function snapshotOf(hash: string): string {
  return prefix + hash.slice(0, 32);
}

/** How many stages, from the first on, need not be built again. */
export async function countKept({ incus, instance }: StageTools, hashes: readonly string[]): Promise<number> {
  const names = new Set(await incus.snapshots.names(instance));
  return hashes.findLastIndex((hash) => names.has(snapshotOf(hash))) + 1;
}

/** Keep what was built so far. */
export async function keepStage({ incus, instance }: StageTools, hash: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const started = await incus.snapshots.create({ instance, snapshot: snapshotOf(hash) });
  await incus.operations.finish(started, { timeoutMs: longestMs });
}

/**
 * Put a build container that stands still back to the last of these stages. Stages of other builds go: some drivers can only
 * go back to the last one.
 */
export async function returnToStage(tools: StageTools, hashes: readonly string[], kept: number): Promise<void> {
  const { incus, instance } = tools;
  const wanted = new Set(hashes.slice(0, kept).map(snapshotOf));
  for (const snapshot of await incus.snapshots.names(instance)) {
    if (snapshot.startsWith(prefix) && !wanted.has(snapshot)) await removeStage(tools, snapshot);
  }
  const started = await incus.snapshots.restore({ instance, snapshot: snapshotOf(hashes[kept - 1]!) });
  await incus.operations.finish(started, { timeoutMs: longestMs });
}

async function removeStage({ incus, instance }: StageTools, snapshot: string): Promise<void> {
  try {
    await incus.operations.finish(await incus.snapshots.delete({ instance, snapshot }), { timeoutMs: longestMs });
  } catch (error) {
    // Somebody else was faster.
    if (!isIncusError(error, 'gone')) throw error;
  }
}
