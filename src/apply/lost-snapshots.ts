import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { IncusError } from '../host/incus/errors.ts';
import type { Task } from './hands.ts';
import { volumePath } from './volume-path.ts';

/**
 * Takes away snapshots on the disk that Incus no longer lists. A snapshot that is made while its instance is renamed or
 * deleted can stay behind like that, and Incus 6.0 then refuses the deletion for good: it looks at the disk for what
 * only its database can remove. Those that it does list it removes itself.
 *
 * @returns whether there were any, so that the deletion can be tried again
 */
export async function removeLostSnapshots(error: unknown, { hands, step, signal }: Task): Promise<boolean> {
  if (!(error instanceof IncusError) || error.code !== 'incus.lost-snapshots') return false;
  const { instances, snapshots } = hands.incus;
  if ((await snapshots.names(step.instance, { signal })).length > 0) return false;
  const { value } = await instances.get(step.instance, { signal });
  try {
    return await removeAll(volumePath(hands.incus, value).snapshots);
  } catch {
    // Out of reach from here, or in use: the error of the deletion says where they are.
    return false;
  }
}

async function removeAll(folder: string): Promise<boolean> {
  const names = await readdir(folder);
  for (const name of names) await removeSnapshot(join(folder, name));
  await rmdir(folder);
  return names.length > 0;
}

/** btrfs(5), "SUBVOLUME": the inode number of a subvolume's root is always 256. */
const subvolumeRoot = 256;

async function removeSnapshot(path: string): Promise<void> {
  if ((await stat(path)).ino === subvolumeRoot)
    await execa('btrfs', ['subvolume', 'delete', path], { timeout: 60_000 });
  else await rm(path, { recursive: true });
}
