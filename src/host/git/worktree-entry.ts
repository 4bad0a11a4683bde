import { basename } from 'node:path';
import { codeOf, type HeldDirectory } from '../tree/held-directory.ts';
import type { FileUser } from './as-user.ts';
import { makeFor, openBelow, openOrMakeFor, readBelow, writeNew } from './held-files.ts';
import type { Worktree } from './worktrees.ts';

/** Names that are tried for a worktree's place, as git does. */
const mostTries = 100;

/** Where a repository writes down a worktree. See gitrepository-layout(5), "worktrees". */
export interface EntryInit extends Worktree {
  readonly user: FileUser;
}

/**
 * Makes a branch, as git would. Our own writing, because git would follow links that somebody puts into the repository
 * meanwhile, and so write into another one.
 *
 * @throws the system's own error, EEXIST when there is one
 */
export function writeBranch(
  common: HeldDirectory,
  { branch, user, commit }: { readonly branch: string; readonly user: FileUser; readonly commit: string },
): void {
  using refs = openOrMakeFor(common, 'refs', user);
  using heads = openOrMakeFor(refs, 'heads', user);
  writeNew(heads, branch, { content: `${commit}\n`, user });
}

/** Takes a branch away if it still is what {@link writeBranch} made. */
export function removeBranch(common: HeldDirectory, branch: string, commit: string): void {
  if (readBelow(common, `refs/heads/${branch}`)?.toString('utf8').trim() !== commit) return;
  using heads = openBelow(common, ['refs', 'heads']);
  heads?.removeIfThere(branch);
}

/** Writes a worktree down. @returns the name of its place @throws the system's own error */
export function writeEntry(common: HeldDirectory, { path, branch, user }: EntryInit): string {
  using worktrees = openOrMakeFor(common, 'worktrees', user);
  const { name, held } = makePlace(worktrees, basename(path), user);
  using entry = held;
  writeNew(entry, 'commondir', { content: '../..\n', user });
  writeNew(entry, 'gitdir', { content: `${path}/.git\n`, user });
  writeNew(entry, 'HEAD', { content: `ref: refs/heads/${branch}\n`, user });
  return name;
}

/** Gives a worktree that was written down its index. */
export function writeIndex(
  common: HeldDirectory,
  { name, index, user }: { readonly name: string; readonly index: Buffer; readonly user: FileUser },
): void {
  using entry = openBelow(common, ['worktrees', name]);
  if (entry) writeNew(entry, 'index', { content: index, user });
}

/** Takes away what {@link writeEntry} wrote of a worktree, whatever its place is called. */
export function removeEntry(common: HeldDirectory, path: string): void {
  using worktrees = openBelow(common, ['worktrees']);
  if (!worktrees) return;
  for (const name of worktrees.names().filter((each) => worktrees.look(each)?.isDirectory())) {
    using entry = worktrees.open(name);
    if (readBelow(entry, 'gitdir')?.toString('utf8') !== `${path}/.git\n`) continue;
    for (const file of ['commondir', 'gitdir', 'HEAD', 'index']) entry.removeIfThere(file);
    worktrees.removeDirectory(name);
  }
}

function makePlace(worktrees: HeldDirectory, wanted: string, user: FileUser): { name: string; held: HeldDirectory } {
  for (let at = 0; at < mostTries; at += 1) {
    const name = at === 0 ? wanted : `${wanted}${at}`;
    try {
      return { name, held: makeFor(worktrees, name, user) };
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
  throw new Error(`no free name for ${JSON.stringify(wanted)} among the worktrees`);
}
