import { pause, type Clock } from '../base/clock.ts';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Sink } from '../host/incus/exec-streams.ts';
import type { ExecResult } from '../host/incus/exec.ts';

/** A build container that runs. */
export interface Guest {
  readonly incus: Pick<Incus, 'exec'>;
  /** Name of the instance. */
  readonly instance: string;
  readonly clock: Clock;
  /** Ends what runs inside. */
  readonly signal: AbortSignal;
}

/** A program that may take long, and writes much. */
export interface LongRun {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** Takes both of its streams. */
  readonly output: Sink;
}

/** What a script of ours is given. */
export interface ScriptInit {
  readonly args?: readonly string[];
  readonly stdin?: string | Uint8Array;
  /** Longest run in milliseconds; 60,000 unless given. */
  readonly timeoutMs?: number;
}

/** Run a script of ours as root. @throws {IncusError} */
export function runScript(guest: Guest, script: string, init: ScriptInit = {}): Promise<ExecResult> {
  const { incus, instance, signal } = guest;
  const { args = [], stdin = '', timeoutMs = 60_000 } = init;
  const argv = ['sh', '-c', script, 'coi', ...args];
  return untilBegun(guest, () => incus.exec.run(instance, argv, { cwd: '/', signal, stdin, timeoutMs }));
}

/** Run a program with nothing to read, for as long as it takes. @returns its exit code @throws {IncusError} */
export function runLong(guest: Guest, { argv, env, uid = 0, output }: LongRun): Promise<number> {
  const { incus, instance, signal } = guest;
  const run = async () => {
    const attached = await incus.exec.attach({
      name: instance,
      // One stream: two would come out of order.
      argv: ['sh', '-c', 'exec "$@" 2>&1', 'coi', ...argv],
      cwd: '/',
      uid,
      gid: uid,
      env,
      stdin: nothing(),
      stdout: output,
      stderr: output,
      signal,
    });
    return await attached.exitCode;
  };
  return untilBegun(guest, run);
}

/** How often, and how long after another, it is tried to begin a program, in milliseconds. */
const tries = 5;
const betweenMs = 500;

/**
 * On a busy host, while a container comes up, Incus may lose its helper before that has begun the program: seen on 6.0.4.
 * Then nothing ran, and it is tried again.
 */
async function untilBegun<T>({ clock, signal }: Guest, run: () => Promise<T>): Promise<T> {
  for (let left = tries; ; left -= 1) {
    try {
      return await run();
    } catch (error) {
      const neverBegan = isIncusError(error) && error.code === 'incus.exec-not-begun';
      if (!neverBegan || left <= 1) throw error;
      await pause(clock, betweenMs, signal);
      signal.throwIfAborted();
    }
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
