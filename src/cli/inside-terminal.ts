import { IncusError } from '../host/incus/errors.ts';
import type { Incus } from '../host/incus/client.ts';
import { sanitiseTerm } from '../session/sanitise-term.ts';
import { Problem } from '../base/problem.ts';
import type { Io, Terminal } from './io.ts';

/** A program for a terminal, and where it runs. */
export interface InsideTerminal {
  readonly instance: string;
  readonly argv: readonly string[];
  readonly uid: number;
  readonly home: string;
  readonly cwd: string;
}

/** A program in a terminal of its own inside, whether one is here or not. */
export interface TerminalProgram {
  readonly instance: string;
  readonly argv: readonly string[];
  readonly uid: number;
  readonly gid: number;
  readonly cwd?: string | undefined;
  /** Shows on command lines of the host: nothing secret. */
  readonly environment: Readonly<Record<string, string>>;
  /** The one that it is shown in; where there is none, its output goes to stdout all the same. */
  readonly terminal: Terminal | undefined;
  /** Number of the signal that it gets when this process is to end. */
  readonly signalAtEnd: () => number;
}

/** What a program that nobody knows the end of is said to have ended with. */
const lost = 137;

/** @throws {Problem} `session.no-terminal` where there is none */
export function requireTerminal({ terminal }: Io, instead: string): Terminal {
  if (terminal) return terminal;
  throw new Problem({ code: 'session.no-terminal', message: 'This needs a terminal to show itself in', hint: instead });
}

/**
 * Show a program that runs inside in this terminal until it ends, or until this process is to end: then it gets SIGHUP, as
 * by a terminal that is closed. All keys go in.
 *
 * @returns its exit code; 137 when the container ended under it
 */
export function showInside(io: Io, incus: Incus, program: InsideTerminal): Promise<number> {
  const terminal = requireTerminal(io, 'Run it in a terminal');
  const { uid, home, ...rest } = program;
  const environment = { HOME: home, ...terminalEnvironment(io) };
  return runInTerminal(io, incus, { ...rest, uid, gid: uid, environment, terminal, signalAtEnd: () => hangUp });
}

/** By its number: it ends what shows a session, and not the session. */
const hangUp = 1;

/** What every program in a terminal is to know about it. */
export function terminalEnvironment({ env }: Pick<Io, 'env'>): Record<string, string> {
  return { TERM: sanitiseTerm(env['TERM']), LANG: 'C.UTF-8' };
}

/** Run a program in a terminal until it ends. @returns its exit code; 137 when the container ended under it */
export async function runInTerminal(io: Io, incus: Incus, program: TerminalProgram): Promise<number> {
  const { instance, terminal, signalAtEnd, cwd, ...rest } = program;
  const size = () => ({ columns: terminal?.columns || 80, rows: terminal?.rows || 24 });
  const leaving = new AbortController();
  terminal?.setRaw(true);
  try {
    const shown = await incus.exec.terminal({
      ...rest,
      name: instance,
      ...(cwd !== undefined && { cwd }),
      stdin: io.stdin,
      stdout: (chunk) => io.stdout.pass(chunk),
      size: size(),
      signal: leaving.signal,
    });
    using _resize = terminal?.onResize(() => shown.resize(size()));
    const leave = () => shown.send(signalAtEnd());
    io.signal.addEventListener('abort', leave, { once: true });
    if (io.signal.aborted) leave();
    return await shown.exitCode.catch(afterAll);
  } finally {
    leaving.abort();
    terminal?.setRaw(false);
    // It would keep this process waiting.
    io.stdin.destroy();
  }
}

/** Nobody can tell how a program ended whose container did. */
function afterAll(error: unknown): number {
  if (error instanceof IncusError && ['unknown-outcome', 'conflict', 'gone'].includes(error.class)) return lost;
  throw error;
}
