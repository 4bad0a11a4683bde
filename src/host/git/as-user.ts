import { execa, ExecaError } from 'execa';
import { Problem } from '../../base/problem.ts';

/** Whose files are worked on. */
export interface FileUser {
  readonly uid: number;
  readonly gid: number;
  /** Absolute. */
  readonly home: string;
}

/** How a program is run. */
export interface RunOptions {
  readonly user: FileUser;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Beside the few variables that every program gets: nothing of our environment goes along. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input, one byte a character; empty unless given. What is printed comes back in the same way. */
  readonly input?: string;
  /** Handed on as descriptors from 3 on. */
  readonly descriptors?: readonly number[];
  /** Longest run, in milliseconds; a minute unless given. */
  readonly limitMs?: number;
}

/** Longest run of a program that reads and writes whole trees of files, in milliseconds. */
export const wholeTreeMs = 600_000;

/** Longest run of any other one, in milliseconds. */
const usualMs = 60_000;

/** Most that a program may print, in bytes: the names of all files of a repository. */
const mostPrinted = 256 * 2 ** 20;

/**
 * Runs a program as the user whose files it is about, with nothing of root's left where we are root.
 *
 * @returns what it printed, one byte a character: names of files are any bytes
 * @throws {Problem} `git.failed` with the last line that it said when it fails, or takes too long
 */
export async function runAs(argv: readonly string[], options: RunOptions): Promise<string> {
  const [file = '', ...args] = argv;
  const { user, cwd, signal, env = {}, input = '', descriptors = [], limitMs = usualMs } = options;
  const isRoot = process.geteuid?.() === 0 && user.uid !== 0;
  try {
    const { stdout } = await execa(file, args, {
      cwd,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: user.home, LC_ALL: 'C', ...env },
      extendEnv: false,
      // Gives up supplementary groups, too.
      ...(isRoot && { uid: user.uid, gid: user.gid }),
      input: Buffer.from(input, 'latin1'),
      encoding: 'latin1',
      stripFinalNewline: false,
      // Numbers go on to spawn as they are, see child_process; the types know only of few.
      stdio: ['pipe', 'pipe', 'pipe', ...(descriptors as readonly 3[])],
      timeout: limitMs,
      maxBuffer: mostPrinted,
      cancelSignal: signal,
    });
    return stdout;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    throw failed(argv, error, limitMs);
  }
}

function failed(argv: readonly string[], { stderr, timedOut, code, cause }: ExecaError, limitMs: number): Problem {
  if (code === 'ENOENT') {
    const hint = 'Install it; or fork with --shared, so that the copies work in the same directory.';
    return new Problem({ code: 'git.none', message: `There is no program ${argv[0]} on this host`, hint, cause });
  }
  const said = String(stderr ?? '')
    .trim()
    .split('\n')
    .at(-1)
    ?.slice(0, 300);
  const why = timedOut ? `it took longer than ${limitMs / 1_000} s` : said || 'it said nothing';
  const hint = 'Put right what it says; or fork with --shared, so that the copies work in the same directory.';
  return new Problem({ code: 'git.failed', message: `${argv[0]} failed: ${why}`, hint, cause });
}
