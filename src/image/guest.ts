import type { Clock } from '../base/clock.ts';
import { openDeadline } from '../base/deadline.ts';
import type { Incus } from '../host/incus/client.ts';
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
  /** As whom: root unless given. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Takes both of its streams. */
  readonly output: Sink;
  /** Longest run in milliseconds. */
  readonly timeoutMs: number;
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
  return incus.exec.run(instance, argv, { cwd: '/', signal, stdin, timeoutMs });
}

/** Run a program with nothing to read. @returns its exit code; undefined where it was killed because time was up @throws {IncusError} */
export async function runLong(guest: Guest, run: LongRun): Promise<number | undefined> {
  using deadline = openDeadline(guest.clock, run.timeoutMs, guest.signal);
  try {
    return await runUntil(guest, run, deadline.signal);
  } catch (error) {
    if (!deadline.hasPassed()) throw error;
    return undefined;
  }
}

async function runUntil(
  { incus, instance }: Guest,
  { argv, env, user = root, output }: LongRun,
  signal: AbortSignal,
): Promise<number> {
  const attached = await incus.exec.attach({
    name: instance,
    // One stream: two would come out of order.
    argv: ['sh', '-c', 'exec "$@" 2>&1', 'coi', ...argv],
    cwd: '/',
    ...user,
    env,
    stdin: nothing(),
    stdout: output,
    stderr: output,
    signal,
  });
  return await attached.exitCode;
}

const root = { uid: 0, gid: 0 };

async function* nothing(): AsyncGenerator<Uint8Array> {}
