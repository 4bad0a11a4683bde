import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { isAlive, type HostProcess } from './container-process.ts';
import { mountTypeAt } from './mount-of.ts';

/** How full a file system is, in bytes. */
export interface Usage {
  readonly used: number;
  readonly total: number;
}

/** Longest time that an answer may take, in milliseconds: what is asked answers from memory. */
const patienceMs = 2_000;
/** How long after that the program may take to end, in milliseconds. */
const endMs = 500;

/** Containers whose program has not ended yet: a file system of their own can hold one that no signal ends. */
const stuck = new Set<string>();

/**
 * How full the tmpfs is that a container has mounted at a path; undefined where there is none, or no answer.
 *
 * Paths inside are the container's to change at any moment, also between two looks. So a program of its own asks, which
 * ends when what has been put there in the meantime never answers, as a file system of the container's own may; one that cannot
 * end is not waited for, and the only one of its container. An answer counts only when it is that of a tmpfs.
 *
 * @param path absolute, without links in it on an ordinary system
 * @throws {Error} when the program cannot be started
 * @see stat(1), statfs(2)
 */
export async function tmpfsUsage(init: HostProcess, path: string): Promise<Usage | undefined> {
  const key = `${init.pid} ${init.startedAt}`;
  if (stuck.has(key) || (await mountTypeAt(init, path)) !== 'tmpfs') return undefined;
  stuck.add(key);
  const answer = ask(`/proc/${init.pid}/root${path}`).finally(() => stuck.delete(key));
  const stdout = await Promise.race([answer, sleep(patienceMs + endMs, '', { ref: false })]);
  return isAlive(init) ? parseUsage(stdout) : undefined;
}

async function ask(path: string): Promise<string> {
  const { failed, exitCode, stdout, cause } = await execa(
    'stat',
    ['--file-system', '--format=%T %S %b %f', '--', path],
    { reject: false, stdin: 'ignore', timeout: patienceMs, killSignal: 'SIGKILL', env: { LC_ALL: 'C' } },
  );
  if (failed && exitCode === undefined && isMissing(cause)) throw cause;
  return stdout;
}

function isMissing(cause: unknown): cause is Error {
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === 'ENOENT';
}

function parseUsage(text: string): Usage | undefined {
  const [, size, blocks, free] = /^tmpfs (\d+) (\d+) (\d+)$/.exec(text.trim()) ?? [];
  const total = Number(size) * Number(blocks);
  // Without a limit there is no total.
  return total > 0 ? { total, used: total - Number(size) * Number(free) } : undefined;
}
