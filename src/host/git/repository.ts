import { constants } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Problem } from '../../base/problem.ts';
import { userEntry } from '../home/user-entry.ts';
import { runAs, type FileUser } from './as-user.ts';
import { elsewhere } from './elsewhere.ts';
import { look } from './look.ts';

/** The repository of a workspace. */
export interface Repository {
  /** Absolute, without links. */
  readonly workspace: string;
  /** What is the workspace's own of it; the same as `common` unless it is a worktree. */
  readonly gitDir: string;
  /** With the objects and branches. */
  readonly common: string;
  /** Whose it is. */
  readonly user: FileUser;
}

/** Longest text that names a place, in bytes. See PATH_MAX in limits.h(0p). */
const longestText = 4_200;

/**
 * The repository that a workspace is; undefined where it is none.
 *
 * What is inside may have been made so as to have git read what its user may read, and nobody in a container: another
 * repository, in whose place it puts itself. So everything must be in the workspace itself, or, where that is a worktree, in
 * the repository that says so, too. See gitrepository-layout(5).
 *
 * @throws {Problem} `git.elsewhere` when it leads elsewhere, `git.other-user` when it is another user's
 */
export async function findRepository(workspace: string, signal: AbortSignal): Promise<Repository | undefined> {
  const dot = join(workspace, '.git');
  const seen = await look(dot);
  if (!seen) return undefined;
  const user = await ownerOf(workspace);
  const places = seen.isFile() ? await ofWorktree(dot) : seen.isDirectory() ? { gitDir: dot, common: dot } : undefined;
  if (!places) throw elsewhere(dot, 'is neither a directory nor a worktree that its repository knows');
  const { gitDir, common } = places;
  // An empty directory is put in the place of a repository that is not there, to be read-only inside.
  if (!(await look(join(gitDir, 'HEAD')))) return undefined;
  if (gitDir === common) await requireOwnCommon(gitDir);
  for (const name of ['alternates', 'http-alternates']) {
    const path = join(common, 'objects/info', name);
    if (await look(path)) throw elsewhere(path, 'says that objects are elsewhere, too');
  }
  const odd = await firstOdd([...new Set([gitDir, common])], { user, cwd: workspace, signal });
  if (odd) throw elsewhere(odd, 'is a link, or nothing that belongs there');
  return { workspace, gitDir, common, user };
}

/**
 * The first thing that is neither file, directory nor socket: links lead elsewhere, and whoever opens a FIFO waits. Nobody relies
 * on that: what is put there later is neither followed nor waited for. It is said early, and before anything is made.
 */
async function firstOdd(directories: readonly string[], options: Parameters<typeof runAs>[1]): Promise<string> {
  const odd = ['f', 'd', 's'].flatMap((type) => ['!', '-type', type]);
  return (await runAs(['find', ...directories, ...odd, '-print', '-quit'], options)).trim();
}

/** One that names no other directory is put there, to be read-only inside, while a sandbox works in it. */
async function requireOwnCommon(gitDir: string): Promise<void> {
  const path = join(gitDir, 'commondir');
  if (!(await look(path))) return;
  const named = (await readText(path))?.trim();
  if (named === undefined || resolve(gitDir, named) !== gitDir) throw elsewhere(path, 'names another directory');
}

/** Whose files they are; another user's are for root only. */
async function ownerOf(workspace: string): Promise<FileUser> {
  const { uid, gid } = await lstat(workspace);
  const own = process.geteuid?.();
  if (own !== 0 && own !== uid) {
    throw new Problem({
      code: 'git.other-user',
      message: `${workspace} belongs to another user`,
      hint: 'Run the command as that user; or with --shared, so that the copies work in the same directory.',
    });
  }
  const entry = await userEntry(uid);
  return { uid, gid: entry?.gid ?? gid, home: entry?.home || '/nonexistent' };
}

/**
 * A worktree names its place in a repository, and that place names the worktree: nobody in a container can write the latter. The
 * place must be where git makes it, for one in the workspace itself could name any repository as the one that it is of.
 */
async function ofWorktree(dot: string): Promise<Pick<Repository, 'gitDir' | 'common'> | undefined> {
  const named = /^gitdir: (.+)\n?$/.exec((await readText(dot)) ?? '')?.[1];
  if (named === undefined) return undefined;
  const gitDir = resolve(dirname(dot), named);
  const common = dirname(dirname(gitDir));
  const isPlace = join(common, 'worktrees', basename(gitDir)) === gitDir && (await isPlain(gitDir));
  const back = (await readText(join(gitDir, 'gitdir')))?.trim();
  const toCommon = (await readText(join(gitDir, 'commondir')))?.trim();
  if (!isPlace || back !== dot || toCommon === undefined || resolve(gitDir, toCommon) !== common) return undefined;
  return { gitDir, common };
}

/** Whether no link is on the way. */
async function isPlain(path: string): Promise<boolean> {
  // What cannot be followed to its end is not trusted either, whatever keeps it from that.
  return (await realpath(path).catch(() => undefined)) === path;
}

/** A small file, not through a link; undefined where there is none. */
async function readText(path: string): Promise<string | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  // Whatever is wrong with it, it names nothing.
  const file = await open(path, flags).catch(() => undefined);
  if (!file) return undefined;
  await using _ = file;
  if (!(await file.stat()).isFile()) return undefined;
  const { bytesRead, buffer } = await file.read(Buffer.alloc(longestText), 0, longestText, 0);
  return buffer.toString('utf8', 0, bytesRead);
}
