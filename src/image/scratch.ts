import { lstat, mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** Large, and on a disk, where /tmp may be neither. */
const place = '/var/tmp';
const prefix = 'coi-rootfs-';

/** No root file system takes so long to make, in milliseconds: whoever made this was killed. */
const leftMs = 86_400_000;

/** A directory for a root file system, removed with all in it when disposed of. */
export interface Scratch extends AsyncDisposable {
  readonly dir: string;
}

/** Make one, and remove those that were left behind. @param now milliseconds since 1970 */
export async function openScratch(now: number, above = place): Promise<Scratch> {
  for (const name of await readdir(above)) {
    if (name.startsWith(prefix) && (await isLeft(join(above, name), now))) await remove(join(above, name));
  }
  const dir = await mkdtemp(join(above, prefix));
  return { dir, [Symbol.asyncDispose]: () => remove(dir) };
}

/** Anybody may put something of that name there. */
async function isLeft(path: string, now: number): Promise<boolean> {
  try {
    const stats = await lstat(path);
    return stats.isDirectory() && stats.uid === process.getuid?.() && stats.mtimeMs < now - leftMs;
  } catch (error) {
    // Somebody else was faster.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Whoever makes a root file system may mount /proc, /sys and /dev of this host in it, and be killed before they are gone: what is
 * mounted stays, with the directories above it, and is removed once it is mounted no more.
 */
async function remove(dir: string): Promise<void> {
  await execa('rm', ['-rf', '--one-file-system', '--', dir], { reject: false, stdin: 'ignore' });
}
