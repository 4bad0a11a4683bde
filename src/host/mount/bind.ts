import { rm, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { messageOf, Problem } from '../../base/problem.ts';
import type { Handle } from './handle.ts';

/** Longest time one call of mount(8) may take. */
const timeoutMs = 30_000;

/** How to show one place at another. */
export interface BindInit {
  readonly source: Handle | string;
  readonly target: Handle | string;
  /** Only where both are paths that nobody but root can change. */
  readonly readonly?: boolean;
  /** Together with all that is mounted below it, at once. */
  readonly isWhole?: boolean;
  /** What is mounted below it later shows nowhere else, and it shows nothing from elsewhere. */
  readonly isPrivate?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Show a directory or file at another place as well, without what is mounted below it unless told otherwise. A mount that is read-only stays so
 * in the new place. See mount(8), "Bind mount operation".
 *
 * @throws {Problem} `mount.failed` with what mount(8) said
 */
export async function bind({ source, target, readonly, isWhole, isPrivate, signal }: BindInit): Promise<void> {
  const [kind, closed] = isWhole ? ['--rbind', '--make-rprivate'] : ['--bind', '--make-private'];
  const options = ['--no-canonicalize', kind, ...(isPrivate ? [closed] : [])];
  // Descriptors of ours are the numbers from 3 on of the program.
  const held = [source, target].filter((each) => typeof each !== 'string');
  const word = (each: Handle | string) => (typeof each === 'string' ? each : `/proc/self/fd/${3 + held.indexOf(each)}`);
  const words = [...options, ...(readonly ? ['-o', 'ro'] : []), '--', word(source), word(target)];
  await run('mount', words, { fds: held.map(({ fd }) => fd), signal });
}

/** What is shown at another place; both are held. */
export interface Cover {
  readonly source: Handle;
  readonly target: Handle;
}

/** How to show many at once. */
export interface CoversInit {
  /** Path of a file that only root can write; it is gone afterwards. */
  readonly table: string;
  readonly signal: AbortSignal;
}

/**
 * As {@link bind}, for many by one process: each costs as much as all of its mounts. Where some fail the others are mounted.
 * See mount(8), `--all`: it leaves out what it finds mounted already, which it never finds of descriptors.
 *
 * @throws {CoverFailure} for the first that failed
 */
export async function coverAll(covers: readonly Cover[], { table, signal }: CoversInit): Promise<void> {
  if (covers.length === 0) return;
  const held = [...new Set(covers.flatMap(({ source, target }) => [source, target]))];
  const word = (each: Handle) => `/proc/self/fd/${3 + held.indexOf(each)}`;
  const lines = covers.map(({ source, target }) => `${word(source)} ${word(target)} none bind 0 0\n`);
  await writeFile(table, lines.join(''), { mode: 0o600 });
  try {
    const words = ['--no-canonicalize', '--all', '--fstab', table];
    await run('mount', words, { fds: held.map(({ fd }) => fd), signal });
  } catch (error) {
    const at = /\/proc\/self\/fd\/(\d+)/.exec(messageOf(error))?.[1];
    const failed = covers.find(({ target }) => word(target) === `/proc/self/fd/${at}`);
    throw failed ? new CoverFailure(failed, error) : error;
  } finally {
    await rm(table, { force: true });
  }
}

/** Why a place could not be covered. */
export class CoverFailure extends Error {
  readonly cover: Cover;

  constructor(cover: Cover, cause: unknown) {
    super(messageOf(cause), { cause });
    this.cover = cover;
  }
}

/** Take trees of mounts away for this host; whoever has a copy of them keeps that. Absence is success. */
export async function detach(paths: readonly string[], signal?: AbortSignal): Promise<void> {
  if (paths.length === 0) return;
  await run('umount', ['--no-canonicalize', '--lazy', '--', ...paths], { fds: [], signal, mayBeAbsent: true });
}

interface RunInit {
  readonly fds: readonly number[];
  readonly signal: AbortSignal | undefined;
  readonly mayBeAbsent?: boolean;
}

async function run(program: string, args: readonly string[], { fds, signal, mayBeAbsent }: RunInit): Promise<void> {
  const result = await execa(program, args, {
    reject: false,
    timeout: timeoutMs,
    stdio: ['ignore', 'pipe', 'pipe', ...(fds as 3[])],
    env: { LC_ALL: 'C' },
    ...(signal && { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  if (result.exitCode === 0) return;
  const said = (result.stderr ?? '').trim();
  if (mayBeAbsent && said.split('\n').every((line) => /not mounted|no mount point|not found/.test(line))) return;
  throw new Problem({
    code: 'mount.failed',
    message: `${program} failed: ${said.split('\n')[0] || result.shortMessage || 'for no reason that it says'}`,
    retry: 'backoff',
  });
}
