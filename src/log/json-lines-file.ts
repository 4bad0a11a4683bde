import { constants } from 'node:fs';
import { mkdir, open, readlink, rename, type FileHandle } from 'node:fs/promises';
import { basename, dirname, normalize } from 'node:path';
import { Problem } from '../base/problem.ts';

/** Where lines are appended, and when the file has become too long. */
export interface JsonLinesFile {
  readonly path: string;
  /** Whether its directory is made where it is missing, for root alone; somebody else's is never made. */
  readonly makeDirectory: boolean;
  /** A file longer than this, in bytes, is kept under the name with `.1` and followed by a new one. */
  readonly maxBytes: number;
}

/** Append, never wait for the reader of a pipe, never follow a link in the last component. See open(2). */
const appending =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOFOLLOW;
const directoryOnly = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Append values to a file, one JSON object a line. Only the owner of the file's directory may read it. Written by root
 * where others may be owners, so nothing on the way may be a symbolic link, and the file must be a plain one with one name.
 *
 * @throws {Problem} `log.path` when the file cannot be written to safely
 * @throws the file system's own error
 */
export async function appendJsonLines(file: JsonLinesFile, values: readonly object[]): Promise<void> {
  const path = normalize(file.path);
  if (file.makeDirectory) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await using directory = await openDirectory(dirname(path));
  // From here on the directory is held: whoever swaps it for a link changes nothing any more.
  const held = `/proc/self/fd/${directory.fd}`;
  const target = `${held}/${basename(path)}`;
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
  if (await isFull(target, { path, directory, room: file.maxBytes - Buffer.byteLength(text) })) {
    await rename(target, `${target}.1`);
  }
  await using handle = await openPlain(target, { path, directory });
  await handle.appendFile(text);
}

interface Held {
  readonly path: string;
  readonly directory: FileHandle;
}

async function isFull(target: string, { room, ...held }: Held & { readonly room: number }): Promise<boolean> {
  await using handle = await openPlain(target, held);
  const { size } = await handle.stat();
  return size > 0 && size > room;
}

async function openDirectory(path: string): Promise<FileHandle> {
  const directory = await open(path, directoryOnly).catch((cause: unknown) => {
    throw pathProblem(path, 'its directory is not there, or is a symbolic link', cause);
  });
  // What was really opened, see proc(5): a link anywhere on the way shows here.
  if ((await readlink(`/proc/self/fd/${directory.fd}`)) === path) return directory;
  await directory.close();
  throw pathProblem(path, 'a part of the path is a symbolic link');
}

async function openPlain(target: string, { path, directory }: Held): Promise<FileHandle> {
  const handle = await open(target, appending, 0o600).catch((cause: unknown) => {
    throw pathProblem(path, 'it cannot be opened for writing, or is a symbolic link', cause);
  });
  try {
    const [stats, { uid, gid }] = [await handle.stat(), await directory.stat()];
    if (!stats.isFile() || stats.nlink !== 1) throw pathProblem(path, 'it is not a plain file with one name');
    if (stats.uid !== uid && stats.uid !== process.getuid?.()) throw pathProblem(path, 'it belongs to somebody else');
    if (stats.size === 0 && stats.uid !== uid) await handle.chown(uid, gid);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function pathProblem(path: string, why: string, cause?: unknown): Problem {
  return new Problem({
    code: 'log.path',
    message: `Cannot write the log of refused connections to ${path}: ${why}`,
    hint: 'Name a file in a directory that exists, by its real path, with network.logging.path.',
    cause,
  });
}
