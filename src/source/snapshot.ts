import type { Clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import type { FileCache, ReadFile } from './file-cache.ts';
import { listManifests, type Listing } from './listing.ts';

/** Looks at a directory that keeps changing before what was seen counts as incomplete. */
const maxTries = 4;
const retryMs = 25;

/** How long a file that cannot be understood is given to be finished, from its last change on. */
const settleMs = 200;

/** All manifest files of a directory as they were at one moment. */
export interface Snapshot {
  readonly listing: Listing;
  readonly files: readonly ReadFile[];
  /** What is wrong apart from single files. */
  readonly problems: readonly Problem[];
}

/** What a snapshot is taken with. */
export interface SnapshotTools {
  readonly cache: FileCache;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Read all manifest files so that they belong together: list, read, list again, until both listings agree. A file that is
 * half written is given a moment to be finished, once.
 *
 * @throws the file system's own error when the directory itself cannot be listed
 */
export async function takeSnapshot(
  root: { readonly shown: string; readonly real: string },
  { cache, clock, signal }: SnapshotTools,
): Promise<Snapshot> {
  let mayWait = true;
  for (let tries = 1; ;) {
    signal.throwIfAborted();
    const listing = await listManifests(root);
    const files = await cache.read(root.real, listing.files);
    // Nothing was read, so there is nothing that a second listing could contradict.
    const isStable = cache.wasUnchanged || (await listManifests(root)).key === listing.key;
    const waitMs = isStable && mayWait ? unfinishedMs(files, clock.now()) : 0;
    if (isStable && waitMs <= 0) return { listing, files, problems: listing.problems };
    if (waitMs > 0) mayWait = false;
    else if (++tries > maxTries) return { listing, files, problems: [...listing.problems, unstable(root.shown)] };
    await clock.sleep(waitMs > 0 ? waitMs : retryMs, signal);
  }
}

function unfinishedMs(files: readonly ReadFile[], now: number): number {
  const waits = files
    .filter(({ problems, listed }) => problems.length > 0 && !listed.fault)
    .map(({ listed }) => listed.changedMs + settleMs - now);
  // A clock that was set back makes no file wait longer.
  return Math.min(settleMs, Math.max(0, ...waits));
}

function unstable(path: string): Problem {
  return new Problem({
    code: 'source.unstable',
    message: `the directory changed during each of ${maxTries} reads`,
    hint: 'It is read again as soon as it rests.',
    retry: 'backoff',
    position: { file: path },
  });
}
