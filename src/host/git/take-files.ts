import { closeSync, fstatSync, type Stats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Problem } from '../../base/problem.ts';
import { codeOf, HeldDirectory } from '../tree/held-directory.ts';
import type { FileUser } from './as-user.ts';
import { copyNew, isLink, openOrMakeFor, openRegular } from './held-files.ts';

/** What is taken, and where to. */
export interface TakeFilesInit {
  /** The workspace, held. */
  readonly from: HeldDirectory;
  /** A directory of our own, where nobody else writes. */
  readonly to: string;
  /** Relative, one byte a character. */
  readonly paths: readonly string[];
  readonly user: FileUser;
  readonly signal: AbortSignal;
}

/**
 * Copies files and links of a workspace into a directory of our own, with nothing read through a link: whoever swaps what is on the way
 * while they are copied gets nothing in that he could not read himself. What is neither, or gone by now, is left out.
 *
 * @throws {Problem} `git.unreadable` for what the user may not read, whoever this process is
 */
export async function takeFiles({ from, to, paths, user, signal }: TakeFilesInit): Promise<void> {
  using top = HeldDirectory.at(to);
  for (const [at, path] of paths.entries()) {
    if (at % 100 === 0) await setImmediate();
    signal.throwIfAborted();
    try {
      take(from, top, { path, user });
    } catch (error) {
      // A link has come in the place of a directory, or the file has gone: it is not of the workspace any more.
      if (codeOf(error) === 'EACCES') throw unreadable(path);
      if (!isLink(error) && codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

function take(
  from: HeldDirectory,
  to: HeldDirectory,
  { path, user }: { readonly path: string; readonly user: FileUser },
): void {
  const parts = path.split('/').map((part) => Buffer.from(part, 'latin1'));
  const name = parts.at(-1)!;
  using stack = new DisposableStack();
  let source = from;
  let target = to;
  for (const part of parts.slice(0, -1)) {
    source = stack.use(source.open(part));
    if (!mayRead(source.stats(), user)) throw unreadable(path);
    target = stack.use(openOrMakeFor(target, part, user));
  }
  if (source.look(name)?.isSymbolicLink()) return target.makeLink(name, source.readLink(name));
  const fd = openRegular(source, name);
  if (fd === undefined) return;
  try {
    const stats = fstatSync(fd);
    if (!mayRead(stats, user)) throw unreadable(path);
    copyNew(fd, target, { name, user, mode: stats.mode & 0o100 ? 0o755 : 0o644 });
  } finally {
    closeSync(fd);
  }
}

/** Root may read everything, and reads here for somebody else. Where groups would let the user, it is refused all the same. */
function mayRead({ uid, mode }: Stats, user: FileUser): boolean {
  return process.geteuid?.() !== 0 || user.uid === 0 || uid === user.uid || (mode & 0o004) !== 0;
}

function unreadable(path: string): Problem {
  return new Problem({
    code: 'git.unreadable',
    message: `${JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'))} in the workspace may not be read by its user`,
    hint: 'Let them read it, or have Git ignore it; or fork with --shared, so that the copies work in the same directory.',
  });
}
