import { execa } from 'execa';
import { systemClock } from '../../base/clock.ts';
import { openDeadline } from '../../base/deadline.ts';
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

/** A program, and where it runs. */
export interface Program extends NetworkScope {
  readonly command: readonly [string, ...string[]];
}

/** What a program that has been started is given. */
export interface Task {
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Longest time it may take, in milliseconds; 30 s unless given. */
  readonly timeoutMs?: number | undefined;
  /** Called with the process id as soon as there is one. */
  readonly onStart?: ((pid: number) => void) | undefined;
}

/** One run of a program. */
export type Run = Program & Task;

/** Argument vector that runs a command inside the scope. ip-netns(8) replaces itself, so the process id stays the program's, and shows the namespace's own /sys. */
export function scoped({ namespace }: NetworkScope, command: readonly [string, ...string[]]): [string, ...string[]] {
  return namespace === undefined ? [...command] : ['ip', 'netns', 'exec', namespace, ...command];
}

/** As {@link scoped}, for a program that goes on: it ends with this process, however that ends. See setpriv(1), `--pdeathsig`. */
export function scopedForLife(scope: NetworkScope, command: readonly [string, ...string[]]): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', 'TERM', '--', ...scoped(scope, command)];
}

/**
 * Runs a program to its end. A failing exit code is a result, not an error.
 *
 * @throws Problem `host.program-missing` when it is not installed, `host.program-hung` when it takes too long;
 *   the signal's reason when that aborts
 */
export function runInNetwork(run: Run): Promise<Finished> {
  return finishInNetwork(startInNetwork(run), run);
}

/** Starts a program. It is given its input, and its time begins, with {@link finishInNetwork}; both never throw at once. */
export function startInNetwork(program: Program) {
  const [file, ...args] = scoped(program, program.command);
  const child = execa(file, args, {
    reject: false,
    stripFinalNewline: false,
    maxBuffer: 256 * 2 ** 20,
    env: { LC_ALL: 'C' },
  });
  const started = { program, child, hasEnded: false };
  // However it ends, that is a result.
  void child.finally(() => (started.hasEnded = true));
  return started;
}

/** A program that waits for its input. */
export type Started = ReturnType<typeof startInNetwork>;

/** The rest of {@link runInNetwork}. */
export async function finishInNetwork({ program, child }: Started, task: Task): Promise<Finished> {
  const { input = '', signal, timeoutMs = usualTimeoutMs, onStart } = task;
  using deadline = openDeadline(systemClock, timeoutMs, signal);
  const stop = () => void child.kill();
  if (deadline.signal.aborted) stop();
  deadline.signal.addEventListener('abort', stop, { once: true });
  if (child.pid !== undefined) onStart?.(child.pid);
  child.stdin.end(input);
  const result = await child;
  signal?.throwIfAborted();
  if (result.code === 'ENOENT') throw missing(program.command[0]);
  if (deadline.hasPassed()) throw hung(program, timeoutMs);
  return { code: result.exitCode ?? 1, stdout: result.stdout, stderr: result.stderr };
}

function hung({ command }: Program, timeoutMs: number): Problem {
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
