import { closeSync, fchmodSync, fchownSync, fstatSync, readSync, writeSync } from 'node:fs';
import { codeOf, type HeldDirectory, type Name } from '../tree/held-directory.ts';
import type { FileUser } from './as-user.ts';
import { elsewhere } from './elsewhere.ts';

/** Most that is read of a file of git's own at once, in bytes: an index of a million files is smaller. */
const mostBytes = 256 * 2 ** 20;

/** What new files are made with: there are thousands of objects, each of which would have it set once more. */
const newMode = 0o600;

const chunk = Buffer.allocUnsafe(2 ** 20);

/** The directory at a path below one that is held, through no link; undefined where there is none. Dispose of it. */
export function openBelow(top: HeldDirectory, parts: readonly Name[]): HeldDirectory | undefined {
  let at = top;
  for (const part of parts) {
    const next = at.look(part) && at.open(part);
    if (at !== top) at[Symbol.dispose]();
    if (!next) return undefined;
    at = next;
  }
  return at === top ? undefined : at;
}

/** A descriptor of a regular file in a directory, through no link; undefined where there is none. Close it. */
export function openRegular(directory: HeldDirectory, name: Name): number | undefined {
  let fd: number;
  try {
    fd = directory.openFile(name);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  return undefined;
}

/**
 * A file below a directory that is held, whole; undefined where there is none, or a directory.
 *
 * @param path relative, without `..`
 * @throws {Problem} `git.elsewhere` for what is no regular file or lies behind a link, and what is too large to be git's own
 */
export function readBelow(top: HeldDirectory, path: string): Buffer | undefined {
  const parts = path.split('/');
  try {
    const directory = openBelow(top, parts.slice(0, -1));
    if (!directory && parts.length > 1) return undefined;
    using _ = directory;
    const name = parts.at(-1)!;
    const fd = openRegular(directory ?? top, name);
    if (fd === undefined) {
      const seen = (directory ?? top).look(name);
      if (!seen || seen.isDirectory()) return undefined;
      throw elsewhere(path, 'is no regular file');
    }
    return readWhole(fd, path);
  } catch (error) {
    throw isLink(error) ? elsewhere(path, 'is a link, or lies behind one') : error;
  }
}

function readWhole(fd: number, path: string): Buffer {
  try {
    const { size } = fstatSync(fd);
    if (size > mostBytes) throw elsewhere(path, 'is too large');
    const content = Buffer.alloc(size);
    let at = 0;
    for (let read = 1; read > 0 && at < size; at += read) read = readSync(fd, content, at, size - at, at);
    return content.subarray(0, at);
  } finally {
    closeSync(fd);
  }
}

/** Whether the system said that a link, or no directory, is where a directory or a file belongs. */
export function isLink(error: unknown): boolean {
  return codeOf(error) === 'ELOOP' || codeOf(error) === 'ENOTDIR';
}

/** Writes a new file of a user's. @throws the system's own error, EEXIST where something is there */
export function writeNew(
  directory: HeldDirectory,
  name: Name,
  { content, user }: { readonly content: Buffer | string; readonly user: FileUser },
): void {
  const fd = directory.create(name);
  try {
    const bytes = Buffer.from(content as Buffer);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    give(fd, user, 0o644);
  } finally {
    closeSync(fd);
  }
}

/** Copies what is behind a descriptor into a new file of a user's. */
export function copyNew(
  from: number,
  directory: HeldDirectory,
  { name, user, mode }: { readonly name: Name; readonly user: FileUser; readonly mode: number },
): void {
  const to = directory.create(name);
  try {
    // Of a regular file there is less than was asked for only at its end.
    for (let read = chunk.length; read === chunk.length;) {
      read = readSync(from, chunk);
      for (let at = 0; at < read;) at += writeSync(to, chunk, at, read - at);
    }
    give(to, user, mode);
  } finally {
    closeSync(to);
  }
}

/** Makes a directory of a user's, and holds it. @throws the system's own error, EEXIST where something is there */
export function makeFor(directory: HeldDirectory, name: Name, user: FileUser): HeldDirectory {
  const held = directory.make(name);
  give(held.descriptor, user, 0o755);
  return held;
}

/** The same, or holds the one that is there. */
export function openOrMakeFor(directory: HeldDirectory, name: Name, user: FileUser): HeldDirectory {
  try {
    return makeFor(directory, name, user);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return directory.open(name);
  }
}

/** Whoever this process is, it is the user's. */
function give(fd: number, { uid, gid }: FileUser, mode: number): void {
  if (mode !== newMode) fchmodSync(fd, mode);
  if (process.geteuid?.() === 0 && uid !== 0) fchownSync(fd, uid, gid);
}
