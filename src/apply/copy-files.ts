import { constants } from 'node:fs';
import { lstat, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isIncusError } from '../host/incus/errors.ts';
import type { GuestFile } from '../host/incus/files.ts';
import { entriesOf, openBelow, openOwn, pathOf, type Handle } from '../host/mount/handle.ts';
import type { Task } from './hands.ts';
import { volumePath } from './volume-path.ts';

/**
 * Files of a container that does not run, by their absolute paths in it. No link is followed, and what is no file, or too
 * large for what it is said to be, is none. Texts have one byte a character.
 */
export interface CopyFiles {
  read(path: string): Promise<string | undefined>;
  /** Replaces what a file holds; its owner and its mode stay. */
  write(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Names in a directory; none where it is no directory. */
  names(path: string): Promise<readonly string[]>;
}

/** Largest file that is looked into, in bytes, and most names of a directory. */
const [maxBytes, maxNames] = [65_536, 10_000];

/**
 * On the disk, where the storage driver shows them there: Incus serves files of a stopped container by a process whose end
 * keeps the next start waiting for about a second. By Incus elsewhere.
 */
export async function openCopyFiles(task: Task, instance: string): Promise<CopyFiles> {
  const { hands, signal } = task;
  const { value } = await hands.incus.instances.get(instance, { signal });
  const root = join(volumePath(hands.incus, value).path, 'rootfs');
  // Not there, or out of reach: all the same.
  const isThere = await lstat(root).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isThere ? onDisk(root) : byIncus(task, instance);
}

function onDisk(root: string): CopyFiles {
  return {
    read: (path) =>
      within(root, path, async ({ found }) => {
        if (found?.kind !== 'file') return undefined;
        await using file = await open(pathOf(found), constants.O_RDONLY);
        const { bytesRead, buffer } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0);
        return bytesRead > maxBytes ? undefined : buffer.toString('latin1', 0, bytesRead);
      }),
    write: async (path, text) =>
      within(root, path, async ({ found }) => {
        if (found?.kind !== 'file') return;
        await using file = await open(pathOf(found), constants.O_WRONLY | constants.O_TRUNC);
        await file.writeFile(text, 'latin1');
      }),
    remove: async (path) =>
      within(root, path, async ({ found, parent, name }) => {
        if (found?.kind === 'file' || found?.kind === 'link') await unlink(join(pathOf(parent), name));
      }),
    names: async (path) => (await within(root, path, ({ found }) => namesIn(found))) ?? [],
  };
}

/** Something with a name in a directory, if there is. */
interface Place {
  readonly found: Handle | undefined;
  readonly parent: Handle;
  readonly name: string;
}

/** Goes to a path part by part: whoever was root in the original may have laid links to the host. */
async function within<T>(root: string, path: string, use: (place: Place) => Promise<T>): Promise<T | undefined> {
  const parts = path.split('/').filter(Boolean);
  const name = parts.pop()!;
  let next = await openOwn(root);
  for (const part of parts) {
    await using above = next;
    const below = await openBelow(above, part);
    if (below?.kind !== 'directory') {
      await below?.[Symbol.asyncDispose]();
      return undefined;
    }
    next = below;
  }
  await using parent = next;
  const found = await openBelow(parent, name);
  try {
    return await use({ found, parent, name });
  } finally {
    await found?.[Symbol.asyncDispose]();
  }
}

async function namesIn(directory: Handle | undefined): Promise<string[]> {
  const names: string[] = [];
  if (directory?.kind !== 'directory') return names;
  for await (const { name } of await entriesOf(directory)) {
    if (names.push(name.toString('latin1')) === maxNames) break;
  }
  return names;
}

function byIncus({ hands, signal }: Task, instance: string): CopyFiles {
  const { files } = hands.incus;
  const look = (path: string): Promise<GuestFile | undefined> =>
    files.get(instance, path, { maxBytes, signal }).catch((error: unknown) => {
      if (isIncusError(error, 'gone', 'invalid')) return undefined;
      throw error;
    });
  return {
    async read(path) {
      const file = await look(path);
      return file?.kind === 'file' ? file.content.toString('latin1') : undefined;
    },
    async write(path, text) {
      const file = await look(path);
      if (file?.kind !== 'file') return;
      await files.put(instance, path, { ...file, content: Buffer.from(text, 'latin1') }, { signal });
    },
    async remove(path) {
      const kind = (await look(path))?.kind;
      if (kind === 'file' || kind === 'symlink') await files.delete(instance, path, { signal });
    },
    async names(path) {
      const directory = await look(path);
      return directory?.kind === 'directory' ? directory.names : [];
    },
  };
}
