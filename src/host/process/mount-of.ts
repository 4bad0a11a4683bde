import { open } from 'node:fs/promises';
import type { HostProcess } from './container-process.ts';

/** What is inside decides how long its mount table is; what is beyond is not looked at. */
const longestTable = 1_048_576;

/**
 * Type of the file system that is mounted at a path inside a container, by its init's mount table: the kernel's own
 * words, for which nothing inside is asked. Undefined where nothing is mounted just there, or the process has ended.
 *
 * @see proc_pid_mountinfo(5)
 */
export async function mountTypeAt({ pid }: HostProcess, path: string): Promise<string | undefined> {
  try {
    await using file = await open(`/proc/${pid}/mountinfo`);
    const buffer = Buffer.alloc(longestTable);
    let length = 0;
    for (let read = 1; read > 0 && length < longestTable; length += read) {
      ({ bytesRead: read } = await file.read(buffer, length, longestTable - length));
    }
    return typeAt(buffer.toString('latin1', 0, length), path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') return undefined;
    throw error;
  }
}

/** The topmost mount at a path: the last one that is named. */
export function typeAt(table: string, path: string): string | undefined {
  const found = table.split('\n').findLast((line) => line.split(' ', 5)[4] === path);
  return found && / - (\S+) /.exec(found)?.[1];
}
