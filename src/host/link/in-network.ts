import { execa } from 'execa';
import { Problem } from '../../base/problem.ts';

/** Longest time a program that changes or lists the kernel's network state may take. */
const usualTimeoutMs = 30_000;

/** How to run programs on the host's network, or on that of a named network namespace. */
export interface NetworkScope {
  /** Name of a namespace as `ip netns` keeps it; the caller's own network when absent. */
  readonly namespace?: string;
}

/** What a finished program left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One run of a program. */
export interface Run extends NetworkScope {
  readonly command: readonly [string, ...string[]];
  readonly input?: string;
  readonly signal?: AbortSignal | undefined;
  /** Longest time it may take, in milliseconds; 30 s unless given. */
  readonly timeoutMs?: number;
  /** Called with the process id as soon as there is one. */
  readonly onStart?: (pid: number) => void;
}

/** Argument vector that runs a command inside the scope. ip-netns(8) replaces itself, so the process id stays the program's, and shows the namespace's own /sys. */
export function scoped({ namespace }: NetworkScope, command: readonly [string, ...string[]]): [string, ...string[]] {
  return namespace === undefined ? [...command] : ['ip', 'netns', 'exec', namespace, ...command];
}

/**
 * Runs a program to its end. A failing exit code is a result, not an error.
 *
 * @throws Problem `host.program-missing` when it is not installed, `host.program-hung` when it takes too long;
 *   the signal's reason when that aborts
 */
export async function runInNetwork(run: Run): Promise<Finished> {
  const { command, signal, onStart, namespace } = run;
  const [file, ...args] = scoped(namespace === undefined ? {} : { namespace }, command);
  const child = execa(file, args, optionsOf(run));
  if (child.pid !== undefined) onStart?.(child.pid);
  const result = await child;
  signal?.throwIfAborted();
  if (result.code === 'ENOENT') throw missing(command[0]);
  if (result.timedOut) throw hung(run);
  return { code: result.exitCode ?? 1, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
}

function optionsOf({ input, signal, timeoutMs = usualTimeoutMs }: Run) {
  return {
    reject: false,
    timeout: timeoutMs,
    stripFinalNewline: false,
    maxBuffer: 256 * 2 ** 20,
    env: { LC_ALL: 'C' },
    ...(input === undefined ? ({ stdin: 'ignore' } as const) : { input }),
    ...(signal ? { cancelSignal: signal } : {}),
  } as const;
}

function hung({ command, timeoutMs = usualTimeoutMs }: Run): Problem {
  return new Problem({
    code: 'host.program-hung',
    message: `"${command.join(' ')}" did not end within ${timeoutMs / 1_000} s`,
    hint: 'Look for another program that holds the kernel’s network lock.',
    retry: 'backoff',
  });
}

function missing(program: string): Problem {
  const packageName = program === 'ip' ? 'iproute2' : program === 'nft' ? 'nftables' : program;
  return new Problem({
    code: 'host.program-missing',
    message: `The program "${program}" is not installed`,
    hint: `Install it: apt-get install ${packageName}`,
  });
}
