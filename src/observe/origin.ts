import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Origin } from '../spec/sandbox.ts';

/** Whether what a copy is made from is there. */
export async function originExists(
  { snapshots }: Pick<Incus, 'snapshots'>,
  { instance, snapshot }: Origin,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await snapshots.get(instance, snapshot, { signal });
    return true;
  } catch (error) {
    if (isIncusError(error, 'gone')) return false;
    throw error;
  }
}
