import { createInterface } from 'node:readline';
import { execa } from 'execa';
import type { Clock } from '../../base/clock.ts';

/** A program that is run to its end, with all that it starts. */
export interface GroupRun {
  readonly argv: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** How long it has to end by itself when it is to, in milliseconds, before all of it is killed. */
  readonly graceMs: number;
  /** Is told each line that it writes to stderr. */
  readonly onLine: (line: string) => void;
}

/** How it ended. */
export interface GroupEnd {
  /** Undefined where a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
}

/** Most of stdout that is kept, in characters. */
const mostOutput = 2 ** 20;

/**
 * Run a program in a process group of its own, in `/`, with nothing to read: what it starts ends with it. It ends with this process,
 * too, however that ends. See setpriv(1), `--pdeathsig`, and setsid(2).
 *
 * @throws the signal's reason when it aborts; by then the program has ended
 */
export async function runGroup({ argv, env, clock, signal, graceMs, onLine }: GroupRun): Promise<GroupEnd> {
  signal.throwIfAborted();
  const [file, ...args] = withParent(argv);
  const child = execa(file, args, {
    cwd: '/',
    env,
    extendEnv: false,
    stdin: 'ignore',
    detached: true,
    reject: false,
    maxBuffer: mostOutput,
    buffer: { stderr: false },
  });
  const lines = createInterface({ input: child.stderr });
  lines.on('line', onLine);
  let kill: Disposable | undefined;
  const stop = () => {
    signalGroup(child.pid, 'SIGTERM');
    kill = clock.after(graceMs, () => signalGroup(child.pid, 'SIGKILL'));
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { exitCode, stdout } = await child;
    return { exitCode, stdout };
  } finally {
    signal.removeEventListener('abort', stop);
    kill?.[Symbol.dispose]();
    // What it left behind is nobody's any more.
    signalGroup(child.pid, 'SIGKILL');
    lines.close();
    signal.throwIfAborted();
  }
}

function withParent(argv: GroupRun['argv']): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', 'TERM', '--', ...argv];
}

/** @param leader number of the first process of the group; undefined where it could not be started */
function signalGroup(leader: number | undefined, name: NodeJS.Signals): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, name);
  } catch (error) {
    // ESRCH: all of it has ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
