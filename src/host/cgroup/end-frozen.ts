import { open, stat, type FileHandle } from 'node:fs/promises';
import { execa } from 'execa';
import { Problem } from '../../base/problem.ts';
import { isAlive, type HostProcess } from '../process/container-process.ts';

/** Longest time for telling all of a container to end, in milliseconds. */
const killTimeoutMs = 10_000;

/**
 * Ends everything of a container but its init, for one that is frozen: the signal waits for whatever stands still, so that
 * nothing goes on when it is thawed. All in its namespace of processes are reached at once by kill(2), in whatever control
 * group they hide; init is the one that the kernel leaves out, and its end, which is left to Incus, ends the rest.
 *
 * The program that sends it is this host's own, and sees the container's processes only.
 *
 * @throws {Problem} `cgroup.not-ended` when they could not be told
 * @see kill(2), pid_namespaces(7), nsenter(1)
 */
export async function endAllButInit(init: HostProcess, signal: AbortSignal): Promise<void> {
  const namespace = await namespaceOf(init);
  if (!namespace) return;
  await using held = namespace;
  // Not by kill(1): what -1 means to it differs from one maker to the other.
  const kill = [process.execPath, '--eval', 'process.kill(-1, "SIGKILL")'];
  const result = await execa('nsenter', ['--pid=/proc/self/fd/3', '--', ...kill], {
    reject: false,
    timeout: killTimeoutMs,
    extendEnv: false,
    env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
    // Its types know of the first few numbers only.
    stdio: ['ignore', 'ignore', 'pipe', held.fd as 3],
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  // It is reached by its own signal only when there is nobody else to reach.
  const isDone = result.exitCode === 0 || /ESRCH/.test(result.stderr);
  if (isDone || !isAlive(init)) return;
  throw notEnded(result.stderr || (result.shortMessage ?? 'it failed'));
}

/**
 * The namespace of processes that a process is the init of, held open: entered by number, it could be the one of whatever has that
 * number by then, and that of this host is where the same signal would end everything.
 *
 * @returns undefined when the process has ended
 */
async function namespaceOf(init: HostProcess): Promise<FileHandle | undefined> {
  const file = await open(`/proc/${init.pid}/ns/pid`).catch(ofEnded);
  try {
    // Looked at after it was opened: who lives now had the number all along.
    if (!file) return undefined;
    if (!isAlive(init)) {
      await file.close();
      return undefined;
    }
    const [own, other] = await Promise.all([stat('/proc/self/ns/pid'), file.stat()]);
    if (own.ino !== other.ino) return file;
    throw notEnded(`process ${init.pid} is in the namespace of this host itself`);
  } catch (error) {
    await file?.close();
    throw error;
  }
}

function ofEnded(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
}

function notEnded(why: string): Problem {
  return new Problem({
    code: 'cgroup.not-ended',
    message: `The processes of a frozen container could not be told to end: ${why}`,
    hint: 'Install util-linux, which has nsenter; the container stays frozen meanwhile',
    retry: 'backoff',
  });
}
