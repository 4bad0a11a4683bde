import type { ControlApi } from '../controller/control-api.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';

/** A container that stops takes this long at most to be seen to, in milliseconds; one that goes on is not waited for longer. */
const haltMs = 5_000;

/** Longest wait for what is left of it to be gone, in milliseconds. */
const endMs = 120_000;

/** What ends a program that somebody leaves on purpose: 0, Ctrl-C, SIGKILL, SIGTERM, SIGHUP. */
const asWished = new Set([0, 129, 130, 137, 143]);

/** A session that was shown until now. */
export interface ShownSession {
  readonly name: string;
  readonly instance: string;
  /** Whether its container stays when it stops. */
  readonly isKept: boolean;
  readonly exitCode: number;
  /** Whether what it showed is known to be there still. */
  readonly goesOn?: boolean;
}

/**
 * Say what became of a session that is not shown any more: it goes on, or it ended inside, and then wait until it is cleared
 * away. @returns the exit code of the command
 */
export async function endShown(io: Io, api: ControlApi, shown: ShownSession): Promise<number> {
  const { name, instance, isKept, exitCode } = shown;
  const unending = new AbortController().signal;
  const isHalted = async () =>
    (await api.awaitSandbox({ name, goal: 'halted', timeoutMs: haltMs, signal: unending })).outcome === 'reached';
  if (shown.goesOn || !(await isHalted())) {
    io.stderr.write(`Container kept running: ${instance}\n  Go back: coi attach ${instance}\n`);
    // Whoever was told to end left it on purpose, too.
    return io.signal.aborted || asWished.has(exitCode) ? exitCodes.done : exitCodes.failed;
  }
  if (isKept) {
    io.stderr.write(`Container kept, stopped: ${instance}\n`);
    return exitCodes.done;
  }
  const wait = { name, goal: 'away', timeoutMs: endMs, signal: unending } as const;
  const { outcome } = await withProgress(io, `Cleaning up ${instance}`, () => api.awaitSandbox(wait));
  if (outcome === 'reached') io.stderr.write('Cleanup complete\n');
  else io.stderr.write(`coi: ${instance} is not gone yet; what is in the way: coi why ${name}\n`);
  return exitCodes.done;
}

/** A session that never came to be. */
export interface FailedSession {
  readonly name: string;
  readonly instance: string;
  readonly by: string;
}

/** Delete it, and wait until nothing of it runs. */
export async function discardSession(io: Io, api: ControlApi, { name, instance, by }: FailedSession): Promise<void> {
  await api.delete({ names: [name], by });
  const wait = { name, goal: 'away', timeoutMs: endMs, signal: new AbortController().signal } as const;
  await withProgress(io, `Cleaning up ${instance}`, () => api.awaitSandbox(wait));
}
