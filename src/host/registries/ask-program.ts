import { execa } from 'execa';

/** What reading a package manager's configuration takes. */
export interface RegistryCall {
  /** Variables that the package manager would see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Home directory whose configuration is the host's: root's. */
  readonly home: string;
  readonly signal: AbortSignal;
}

/** It answers in a fraction of a second; a version manager's shim that asks the network must not hold up a start. */
const timeoutMs = 10_000;

/** How a package manager is asked: its argument vector, and what it is to make of why it did not answer. */
export interface Asked extends Pick<RegistryCall, 'env' | 'signal'> {
  readonly argv: readonly [string, ...string[]];
  readonly failed: (why: string) => Error;
}

/**
 * What a package manager prints; undefined where there is none.
 *
 * @throws what `failed` makes of it when it does not answer; the signal's reason when that aborts
 */
export async function askProgram({ argv: [file, ...args], env, signal, failed }: Asked): Promise<string | undefined> {
  const result = await execa(file, args, {
    // Not the configuration of whatever project coi was called in.
    cwd: '/',
    env,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: timeoutMs,
    cancelSignal: signal,
  });
  signal.throwIfAborted();
  if (result.code === 'ENOENT') return undefined;
  if (result.exitCode !== 0) throw failed(result.timedOut ? 'it did not end' : result.stderr.trim().split('\n')[0]!);
  return result.stdout;
}
