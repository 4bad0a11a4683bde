import { constants } from 'node:fs';
import { open, opendir, type FileHandle } from 'node:fs/promises';
import { Problem } from '../../base/problem.ts';

/** See open(2): a handle that only stands for what it names; what a symbolic link points at is not opened with the other one. */
const O_PATH = 0o10000000;
const { O_NOFOLLOW } = constants;

/** Something of the host's file system, held so that nobody can put something else in its stead. */
export interface Handle extends AsyncDisposable {
  readonly fd: number;
  readonly kind: 'directory' | 'file' | 'link' | 'other';
  /** Which inode it is, on which file system. */
  readonly identity: string;
  /** How many names it has. */
  readonly names: number;
  readonly uid: number;
  readonly gid: number;
}

/** Path by which the kernel finds what this process holds, whatever became of its names. See proc_pid_fd(5). */
export function pathOf({ fd }: Pick<Handle, 'fd'>): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * What has a name in a directory, a link itself where it is one; undefined when nothing has.
 *
 * @param name one part of a path, as bytes where it may be no text
 * @throws the file system's own error for everything but absence
 */
export async function openBelow(directory: Pick<Handle, 'fd'>, name: string | Buffer): Promise<Handle | undefined> {
  const bytes = Buffer.from(name);
  const text = bytes.toString('latin1');
  if (['', '.', '..'].includes(text) || text.includes('/')) throw new Error(`not a name: ${text}`);
  try {
    const path = Buffer.concat([Buffer.from(`${pathOf(directory)}/`), bytes]);
    return await hold(await open(path, O_PATH | O_NOFOLLOW));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Names in a directory, as bytes: not every name is text. They come a few at a time, however many there are. */
export async function entriesOf(directory: Pick<Handle, 'fd'>): Promise<AsyncIterable<{ readonly name: Buffer }>> {
  // Its types know names as text only.
  const entries: unknown = await opendir(pathOf(directory), { encoding: 'buffer' as BufferEncoding });
  return entries as AsyncIterable<{ readonly name: Buffer }>;
}

/** What a path leads to that nobody but root can change. */
export async function openOwn(path: string): Promise<Handle> {
  return hold(await open(path, O_PATH));
}

/**
 * What is at an absolute path, reached part by part without following a single link: what others swap on the way while
 * it is walked is noticed.
 *
 * @throws {Problem} `workspace.unsafe` when a part is a link or is not there
 */
export async function openPath(path: string): Promise<Handle> {
  let found = await hold(await open('/', O_PATH));
  for (const name of path.split('/').filter(Boolean)) {
    await using above = found;
    const below = above.kind === 'directory' ? await openBelow(above, name) : undefined;
    if (!below || below.kind === 'link') throw unsafe(path, name, below);
    found = below;
  }
  return found;
}

function unsafe(path: string, name: string, found: Handle | undefined): Problem {
  const what = found ? 'is a symbolic link' : 'is not there, or is below what is no directory';
  return new Problem({
    code: 'workspace.unsafe',
    message: `"${path}" cannot be mounted: "${name}" in it ${what}`,
    hint: 'Name the real path of a directory',
    retry: 'backoff',
  });
}

async function hold(handle: FileHandle): Promise<Handle> {
  const stat = await handle.stat({ bigint: true });
  const kind = stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'link' : 'other';
  return {
    fd: handle.fd,
    kind,
    identity: `${stat.dev}:${stat.ino}`,
    names: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
