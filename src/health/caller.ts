import type { Stats } from 'node:fs';
import { access, constants, lstat } from 'node:fs/promises';
import { Problem } from '../base/problem.ts';
import { onlyForRoot } from '../host/neighbours/ask.ts';

/** Whose sessions and directories a look is about: with sudo, the user who called it. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  /** Absolute; undefined where the user database knows none. */
  readonly home: string | undefined;
}

/** A directory as its user finds it. */
export type DirectoryState = 'absent' | 'no-directory' | 'not-writable' | 'writable';

/**
 * Looks at a directory for a user, and makes none. A link is no directory: what runs in a sandbox may have put it there.
 *
 * @throws {Problem} `health.not-root` where this process may not look
 */
export async function seeDirectory(path: string, caller: Pick<Caller, 'uid' | 'gid'>): Promise<DirectoryState> {
  const stats = await statOf(path);
  if (!stats) return 'absent';
  if (!stats.isDirectory()) return 'no-directory';
  const isWritable = mayWrite(stats, caller) && (await canWrite(path));
  return isWritable ? 'writable' : 'not-writable';
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES' || code === 'EPERM') throw onlyForRoot(`for ${path}`);
    throw new Problem({ code: 'health.unreadable', message: `Cannot look at ${path}: ${code}`, cause });
  }
}

/** By the mode, for a user who is not this process: root may write anywhere and would tell nothing. */
function mayWrite({ mode, uid, gid }: Stats, caller: Pick<Caller, 'uid' | 'gid'>): boolean {
  if (caller.uid === 0 || caller.uid === process.geteuid?.()) return true;
  const shift = uid === caller.uid ? 6 : gid === caller.gid ? 3 : 0;
  return ((mode >> shift) & 0o3) === 0o3;
}

/** By the kernel: it also knows file systems that are read-only. */
async function canWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    // Whatever stands in the way, it is not writable.
    () => false,
  );
}
