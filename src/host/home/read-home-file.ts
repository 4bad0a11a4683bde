import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Whose home directory it is. */
export interface HomeOwner {
  readonly uid: number;
  /** Absolute. */
  readonly home: string;
}

/** What became of a file that was asked for. */
export type HomeFile =
  | { readonly kind: 'file'; readonly content: Buffer }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly why: string };

/** Largest file, in bytes. */
const largest = 16 * 2 ** 20;

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Read a file below a user's home directory, following no link below it: a project that may write to one of the directories
 * could otherwise choose what is read. Everything on the way must belong to the user, so that nothing is read that he could
 * not have read himself, whoever this process is.
 *
 * @param path relative, without `..`
 */
export async function readHomeFile({ uid, home }: HomeOwner, path: string): Promise<HomeFile> {
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) throw new Error(`not below a home: ${path}`);
  let at: FileHandle | undefined;
  try {
    at = await open(home, O_RDONLY | O_DIRECTORY);
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      const flags = isLast ? O_RDONLY | O_NONBLOCK : O_RDONLY | O_DIRECTORY;
      // See proc_pid_fd(5): what stands behind the descriptor, not what has its name now.
      const next = await open(`/proc/self/fd/${at.fd}/${part}`, flags | O_NOFOLLOW);
      await at.close();
      at = next;
      const { uid: owner } = await at.stat();
      if (owner !== uid) return refused(path, 'belongs to somebody else');
    }
    return await contentOf(at, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { kind: 'absent' };
    // With O_DIRECTORY a link is no directory.
    if (code === 'ELOOP' || code === 'ENOTDIR') return refused(path, 'is a symbolic link, or lies behind one');
    if (code === undefined) throw error;
    return refused(path, `cannot be read (${code})`);
  } finally {
    await at?.close();
  }
}

async function contentOf(file: FileHandle, path: string): Promise<HomeFile> {
  const stats = await file.stat();
  if (!stats.isFile()) return refused(path, 'is no file');
  if (stats.size > largest) return refused(path, `is larger than ${largest / 2 ** 20} MiB`);
  return { kind: 'file', content: await file.readFile() };
}

function refused(path: string, why: string): HomeFile {
  return { kind: 'refused', why: `~/${path} ${why}` };
}
