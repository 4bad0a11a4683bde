import type { HostProcess } from './container-process.ts';
import { readStart } from './read-start.ts';

/** What is inside decides how long its mount table is; what is beyond is not looked at. */
const longestTable = 1_048_576;

/**
 * Type of the file system that is mounted at a path inside a container, by its init's mount table: the kernel's own
 * words, for which nothing inside is asked. Undefined where nothing is mounted just there, or the process has ended.
 *
 * @see proc_pid_mountinfo(5)
 */
export async function mountTypeAt({ pid }: HostProcess, path: string): Promise<string | undefined> {
  return typeAt(await readStart(`/proc/${pid}/mountinfo`, longestTable), path);
}

/** The topmost mount at a path: the last one that is named. */
export function typeAt(table: string, path: string): string | undefined {
  const found = table.split('\n').findLast((line) => line.split(' ', 5)[4] === path);
  return found && / - (\S+) /.exec(found)?.[1];
}
