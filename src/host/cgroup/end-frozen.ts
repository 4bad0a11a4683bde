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
  // Not by kill(1): what -1 means to it differs from one maker to the other.
  const kill = [process.execPath, '--eval', 'process.kill(-1, "SIGKILL")'];
  const argv = ['--target', String(init.pid), '--pid', '--', ...kill];
  const result = await execa('nsenter', argv, {
    reject: false,
    timeout: killTimeoutMs,
    extendEnv: false,
    env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  // It is reached by its own signal only when there is nobody else to reach.
  const isDone = result.exitCode === 0 || /ESRCH/.test(result.stderr);
  if (isDone || !isAlive(init)) return;
  throw new Problem({
    code: 'cgroup.not-ended',
    message: `The processes of a frozen container could not be told to end: ${result.stderr || result.shortMessage}`,
    hint: 'Install util-linux, which has nsenter; the container stays frozen meanwhile',
    retry: 'backoff',
  });
}
