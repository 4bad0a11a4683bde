import type { Incus } from '../host/incus/client.ts';
import type { Snapshot } from '../host/incus/snapshots.ts';
import { isTemporaryName } from '../host/incus/temporary-names.ts';

/**
 * The snapshots of an instance, the oldest first, without those that are there for a moment: what is made of them fails when
 * somebody deletes them.
 *
 * @throws {IncusError} `gone` when there is no such instance
 */
export async function listSnapshots(
  incus: Pick<Incus, 'snapshots'>,
  instance: string,
  signal: AbortSignal,
): Promise<readonly Snapshot[]> {
  return (await incus.snapshots.list(instance, { signal })).filter(({ name }) => !isTemporaryName(name));
}
