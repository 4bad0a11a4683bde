import { close, constants, fstat, open, read, readlink, type BigIntStats } from 'node:fs';
import { promisify } from 'node:util';
import { messageOf, Problem } from '../base/problem.ts';

/** Largest manifest file, in bytes. */
export const maxFileBytes = 1024 * 1024;

/** Never wait for the other end of a FIFO, never follow a link in the last component: both were looked at before. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

// The callback functions: fs/promises costs twice as much for many small files.
const openAsync = promisify(open);
const closeAsync = promisify(close);
const readAsync = promisify(read);
const readlinkAsync = promisify(readlink);
const fstatAsync = promisify(fstat);
const statOpen = (fd: number) => fstatAsync(fd, { bigint: true });

/** A file that only its owner and root can have written. */
export interface TrustedFile {
  readonly text: string;
  readonly uid: number;
}

/** Where a file is to be read from. */
export interface TrustedPath {
  /** Path for people. */
  readonly shown: string;
  /** Path without links. */
  readonly real: string;
  /** Directory without links that the file must be in. */
  readonly root: string;
}

/**
 * Read a small text file that tells root what to do.
 *
 * @throws {Problem} `source.not-a-file`, `source.too-large` (over 1 MiB), `source.world-writable` (everybody could command
 * root through it), `source.outside` (not in `root` any more), `source.encoding` (not UTF-8), `source.unreadable`
 */
export async function readTrustedFile(path: TrustedPath): Promise<TrustedFile> {
  let fd: number | undefined;
  try {
    fd = await openAsync(path.real, openFlags);
    return await readOpen(fd, path);
  } catch (error) {
    throw error instanceof Problem ? error : unreadable(path.shown, error);
  } finally {
    if (fd !== undefined) await closeAsync(fd);
  }
}

async function readOpen(fd: number, { shown, root }: TrustedPath): Promise<TrustedFile> {
  const stats = await statOpen(fd);
  const fault = fileFault(shown, stats);
  if (fault) throw fault;
  // A folder on the way may have been swapped for a link since it was looked at: ask what was really opened (proc(5)).
  const opened = await readlinkAsync(`/proc/self/fd/${fd}`);
  if (!opened.startsWith(`${root}/`)) throw outside(shown);
  const buffer = Buffer.allocUnsafe(Math.min(Number(stats.size), maxFileBytes) + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await readAsync(fd, buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  // It grew while it was read: what follows is not known, and the next look at it sees another size.
  if (length === buffer.length) throw length > maxFileBytes ? tooLarge(shown) : changing(shown);
  return { text: decode(shown, buffer.subarray(0, length)), uid: Number(stats.uid) };
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Problem({
      code: 'source.encoding',
      message: 'the file is not UTF-8 text',
      hint: 'Save it as UTF-8.',
      position: { file: path },
      cause: error,
    });
  }
}

/** What keeps a file from being read, as far as its attributes show. */
export function fileFault(path: string, stats: BigIntStats): Problem | undefined {
  if (!stats.isFile()) {
    return new Problem({
      code: 'source.not-a-file',
      message: 'it has the name of a manifest and is not a regular file',
      hint: 'Rename or remove it.',
      position: { file: path },
    });
  }
  if (isOpenToAll(stats)) return worldWritable(path, 'file');
  return stats.size > maxFileBytes ? tooLarge(path) : undefined;
}

/** Whether everybody may write. Groups are left to whoever set them up: many systems give each user one. */
export function isOpenToAll({ mode }: BigIntStats): boolean {
  return (mode & 0o002n) !== 0n;
}

/** Whoever writes manifests commands root, so they are refused when that is everybody. */
export function worldWritable(path: string, what: 'file' | 'directory'): Problem {
  return new Problem({
    code: 'source.world-writable',
    message: `the ${what} is refused because every user of this host may write to it`,
    hint: `Run: chmod o-w '${path}'`,
    position: { file: path },
  });
}

function tooLarge(path: string): Problem {
  return new Problem({
    code: 'source.too-large',
    message: 'the file is larger than 1 MiB, which no manifest is',
    hint: 'Split it, or move it out of this directory.',
    position: { file: path },
  });
}

function changing(path: string): Problem {
  return new Problem({
    code: 'source.changing',
    message: 'the file was still being written',
    hint: 'It is read again shortly.',
    retry: 'backoff',
    position: { file: path },
  });
}

/** The file is reached through a link that leads out of the source. */
export function outside(path: string): Problem {
  return new Problem({
    code: 'source.outside',
    message: 'the link is refused because it leads out of the source directory',
    hint: 'Copy the file into the directory.',
    position: { file: path },
  });
}

/** The system refused to let us look at a path. */
export function unreadable(path: string, error: unknown): Problem {
  return new Problem({
    code: 'source.unreadable',
    message: `Cannot read it: ${messageOf(error)}`,
    hint: 'Look at its owner, its permissions and what it is mounted from.',
    retry: 'backoff',
    position: { file: path },
    cause: error,
  });
}
