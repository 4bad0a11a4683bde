import { readFile, stat } from 'node:fs/promises';
import type { HostProcess } from './container-process.ts';

/** What the kernel itself says of a process: nothing here is memory of its own, and no read of it blocks. */
export interface ProcessFacts extends HostProcess {
  readonly ppid: number;
  /** At most 15 bytes of any content. */
  readonly name: string;
  /** Effective user, on the host. */
  readonly user: number;
}

/**
 * A process by its number; undefined when there is none, or it has ended and waits to be reaped.
 *
 * @see proc_pid_stat(5), proc_pid_status(5)
 */
export async function factsOf(pid: number): Promise<ProcessFacts | undefined> {
  const texts = await Promise.all([textOf(`/proc/${pid}/stat`), textOf(`/proc/${pid}/status`)]);
  const [line, status] = texts;
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state = 'X', ppid = '0', startedAt] = [fields[0], fields[1], fields[19]];
  if (startedAt === undefined || 'ZXx'.includes(state)) return undefined;
  const name = line.slice(line.indexOf('(') + 1, line.lastIndexOf(')'));
  const user = Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1] ?? Number.NaN);
  return { pid, startedAt, ppid: Number(ppid), name, user };
}

/** Nothing when the process is gone. */
function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** Inode number of the pid namespace that a process is in; undefined when it is gone. */
export async function pidNamespaceOf({ pid }: HostProcess): Promise<number | undefined> {
  // As root only a process that has ended refuses; whoever gets nothing takes it for that.
  return (await stat(`/proc/${pid}/ns/pid`).catch(() => undefined))?.ino;
}

/** How numbers of users inside a user namespace are numbers outside. */
export type IdMap = readonly { readonly inside: number; readonly outside: number; readonly count: number }[];

/** The map of the user namespace that a process is in; empty when it is gone. @see user_namespaces(7) */
export async function idMapOf({ pid }: HostProcess): Promise<IdMap> {
  const lines = (await textOf(`/proc/${pid}/uid_map`)).split('\n').filter(Boolean);
  return lines.map((line) => {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    return { inside, outside, count };
  });
}

/** A user of the host as it is called inside; undefined when the map lacks it. */
export function insideId(map: IdMap, id: number): number | undefined {
  const range = map.find(({ outside, count }) => id >= outside && id < outside + count);
  return range && range.inside + id - range.outside;
}
