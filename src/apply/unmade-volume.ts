import { readdir, rmdir, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { IncusError } from '../host/incus/errors.ts';

/** Incus writes this into the directory of every instance that it changes, volume or not. */
const incusOwn = 'backup.yaml';

const namedPath = /btrfs subvolume delete (\/.+\/containers\/[^/]+): exit status/;

/**
 * Takes away what incusd leaves when it is killed between making the directory of a new volume and the volume itself. Such an
 * instance can be renamed but never deleted: Incus 6.0 insists on a volume. Only a directory with the instance's own name and
 * nothing of a guest's inside is removed.
 *
 * @returns whether there was one, so that the deletion can be tried again
 */
export async function removeUnmadeVolume(error: unknown, instance: string): Promise<boolean> {
  if (!(error instanceof IncusError) || error.code !== 'incus.volume-unmade') return false;
  const [, path] = namedPath.exec(error.text) ?? [];
  // In other projects than the default one, volumes are named PROJECT_INSTANCE.
  if (!path || basename(path).split('_').at(-1) !== instance) return false;
  try {
    const found = await readdir(path);
    if (found.some((name) => name !== incusOwn)) return false;
    if (found.length > 0) await unlink(join(path, incusOwn));
    await rmdir(path);
    return true;
  } catch {
    // Out of reach from here, or no plain directory: the error of the deletion says what a person can do.
    return false;
  }
}
