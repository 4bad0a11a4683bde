import { Problem } from '../base/problem.ts';
import type { Instance } from '../host/incus/instance.ts';
import type { InstanceCache } from '../observe/instances.ts';
import type { Stamp } from '../plan/stamp.ts';

/** An instance of ours as it is right now. */
export interface Owned {
  readonly instance: Instance;
  readonly stamp: Stamp;
  /** For compare-and-swap. */
  readonly etag: string;
}

/**
 * The instance of a sandbox as it was last seen, where nothing was heard of it since: enough for what takes nothing away.
 *
 * @throws {Problem} as {@link findOwned}
 */
export async function findKnown(instances: InstanceCache, sandbox: string, signal: AbortSignal): Promise<Owned> {
  const known = instances.ofSandbox(sandbox).find(({ owner }) => owner.kind === 'owned' && !owner.isTombstone);
  if (known?.owner.kind !== 'owned' || instances.isDoubted(known.instance.name) || known.owner.stamp.intent) {
    return findOwned(instances, sandbox, signal);
  }
  return { instance: known.instance, stamp: known.owner.stamp, etag: known.etag ?? '' };
}

/**
 * A fresh look at the instance of a sandbox.
 *
 * @throws {Problem} `snapshot.no-container` when it has none, or only one that is being deleted
 */
export async function findOwned(instances: InstanceCache, sandbox: string, signal: AbortSignal): Promise<Owned> {
  const known = instances.ofSandbox(sandbox).find(({ owner }) => owner.kind === 'owned' && !owner.isTombstone);
  const seen = known && (await instances.refresh(known.instance.name, signal));
  if (seen?.owner.kind === 'owned' && seen.owner.stamp.name === sandbox && seen.owner.stamp.intent?.kind !== 'delete') {
    return { instance: seen.instance, stamp: seen.owner.stamp, etag: seen.etag ?? '' };
  }
  throw new Problem({
    code: 'snapshot.no-container',
    message: `There is no container of the sandbox "${sandbox}", or it is on its way out`,
    hint: `What is so: coi why ${sandbox}`,
  });
}
