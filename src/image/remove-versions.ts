import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Image } from '../host/incus/images.ts';
import type { Verdict } from './keep.ts';

/** What removing images needs. */
export interface RemoveTools {
  readonly incus: Pick<Incus, 'images' | 'operations'>;
  readonly signal: AbortSignal;
}

/**
 * Deletes the images of versions that are to go, one after the other. An image that has got another alias meanwhile stays.
 *
 * @returns the versions that are gone
 */
export async function removeVersions(tools: RemoveTools, gone: readonly Verdict[]): Promise<readonly Verdict[]> {
  const aliases = new Set(gone.map(({ alias }) => alias));
  const removed: Verdict[] = [];
  for (const [fingerprint, versions] of Map.groupBy(gone, (each) => each.fingerprint)) {
    const image = await lookAgain(tools, fingerprint);
    if (image?.aliases.some((alias) => !aliases.has(alias))) continue;
    if (image) await remove(tools, fingerprint);
    removed.push(...versions);
  }
  return removed;
}

async function lookAgain({ incus, signal }: RemoveTools, fingerprint: string): Promise<Image | undefined> {
  try {
    return await incus.images.get(fingerprint, { signal });
  } catch (error) {
    if (isIncusError(error, 'gone')) return undefined;
    throw error;
  }
}

async function remove({ incus: { images, operations }, signal }: RemoveTools, fingerprint: string): Promise<void> {
  await operations.finish(await images.delete(fingerprint), { signal });
}
