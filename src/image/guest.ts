import type { Incus } from '../host/incus/client.ts';
import type { ExecResult } from '../host/incus/exec.ts';
import type { Sink } from '../host/incus/exec-streams.ts';

/** A build container that runs. */
export interface Guest {
  readonly incus: Pick<Incus, 'exec'>;
  /** Name of the instance. */
  readonly instance: string;
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

/** Run a script of ours as root. @param timeoutMs longest run in milliseconds @throws {IncusError} */
export function runScript(
  { incus, instance, signal }: Guest,
  script: string,
  {
    args = [],
    stdin = '',
    timeoutMs = 60_000,
  }: { args?: readonly string[]; stdin?: string | Uint8Array; timeoutMs?: number } = {},
): Promise<ExecResult> {
  return incus.exec.run(instance, ['sh', '-c', script, 'coi', ...args], { cwd: '/', signal, stdin, timeoutMs });
}

/** Run a program with nothing to read, for as long as it takes. @returns its exit code @throws {IncusError} */
export async function runLong(
  { incus, instance, signal }: Guest,
  { argv, env, uid = 0, output }: LongRun,
): Promise<number> {
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
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
