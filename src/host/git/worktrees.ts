import { join } from 'node:path';
import { Problem } from '../../base/problem.ts';
import { runAs } from './as-user.ts';
import { openCleanRepository, type CleanRepository } from './clean-repository.ts';
import { runHere } from './git.ts';
import { withLeft } from './left-behind.ts';
import { look } from './look.ts';
import type { Repository } from './repository.ts';
import { writeWorkTree } from './work-tree.ts';

/** A worktree of its own. */
export interface Worktree {
  /** Absolute. */
  readonly path: string;
  readonly branch: string;
}

/**
 * The commit that worktrees begin with.
 *
 * @throws {Problem} `git.no-commit` before the first commit; `git.taken` where a branch or a directory is there already
 */
export async function requireFree(
  repository: Repository,
  wanted: readonly Worktree[],
  signal: AbortSignal,
): Promise<string> {
  const { workspace } = repository;
  const commit = await ask(repository, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], signal);
  if (commit === undefined) {
    throw new Problem({
      code: 'git.no-commit',
      message: `The repository in ${workspace} has no commit yet, with which a branch could begin`,
      hint: 'Make one: git commit; or fork with --shared, so that the copies work in the same directory.',
    });
  }
  for (const { path, branch } of wanted) {
    if ((await branchOf(repository, branch, signal)) !== undefined) throw taken(`The branch "${branch}"`);
    if (await look(path)) throw taken(path);
  }
  return commit.trim();
}

/**
 * Makes worktrees with branches of their own, and with all that is in the workspace, committed or not, but for what is
 * ignored. All of them or none. The workspace, its index and its branch stay as they are.
 *
 * @param commit from {@link requireFree}
 */
export async function makeWorktrees(
  repository: Repository,
  {
    wanted,
    commit,
    signal,
  }: { readonly wanted: readonly Worktree[]; readonly commit: string; readonly signal: AbortSignal },
): Promise<void> {
  await using clean = await openCleanRepository(repository, signal);
  const tree = await writeWorkTree(clean, repository, { commit, signal });
  const made: Worktree[] = [];
  try {
    for (const each of wanted) {
      await runHere(repository, ['branch', '--no-track', '--', each.branch, commit], signal);
      made.push(each);
      await addEmpty(repository, { ...each, commit, signal });
      await fill(repository, clean, { ...each, commit, tree, signal });
    }
  } catch (error) {
    const left = await removeWorktrees(repository, made);
    throw error instanceof Problem ? withLeft(error, repository.workspace, left) : error;
  }
}

interface ToMake extends Worktree {
  readonly commit: string;
  readonly signal: AbortSignal;
}

/** Without any content: checking it out would ask the repository's configuration how. */
async function addEmpty(repository: Repository, { path, branch, signal }: ToMake): Promise<void> {
  await runHere(repository, ['worktree', 'add', '--quiet', '--no-checkout', '--', path, branch], signal);
}

/** @param tree what is to be in its files */
async function fill(
  { user }: Repository,
  clean: CleanRepository,
  { path, commit, tree, signal }: ToMake & { readonly tree: string },
): Promise<void> {
  const link = await runAs(['cat', '--', join(path, '.git')], { user, cwd: '/', signal });
  const own = /^gitdir: (.+)\n$/.exec(Buffer.from(link, 'latin1').toString('utf8'))?.[1] ?? '';
  const files = { workTree: path, index: join(clean.dir, 'files') };
  await clean.run(['read-tree', tree], files);
  await clean.run(['checkout-index', '--all', '--force'], files);
  // Against its commit, what is in the files shows as what it was: not committed.
  await clean.run(['read-tree', commit], { workTree: path, index: join(own, 'index') });
}

/**
 * Takes away what {@link makeWorktrees} has just made; nothing that anybody worked in.
 *
 * @returns what could not be taken away, in whole or in part
 */
export async function removeWorktrees(repository: Repository, made: readonly Worktree[]): Promise<readonly Worktree[]> {
  const left: Worktree[] = [];
  for (const each of made) if (!(await isRemoved(repository, each))) left.push(each);
  return left;
}

async function isRemoved(repository: Repository, { path, branch }: Worktree): Promise<boolean> {
  // Also of what was called off.
  const { signal } = new AbortController();
  try {
    await ask(repository, ['worktree', 'remove', '--force', '--force', '--', path], signal);
    await ask(repository, ['branch', '--quiet', '-D', '--', branch], signal);
    return !(await look(path)) && (await branchOf(repository, branch, signal)) === undefined;
  } catch {
    // Why matters to nobody who is told how to do it himself: what went wrong first is the reason.
    return false;
  }
}

function branchOf(repository: Repository, branch: string, signal: AbortSignal): Promise<string | undefined> {
  return ask(repository, ['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`], signal);
}

/** What git says; undefined when it fails. */
async function ask(repository: Repository, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  try {
    return await runHere(repository, args, signal);
  } catch (error) {
    if (error instanceof Problem && error.code === 'git.failed') return undefined;
    throw error;
  }
}

function taken(what: string): Problem {
  return new Problem({
    code: 'git.taken',
    message: `${what} exists already: nothing was copied`,
    hint: 'Take another name for the copies.',
  });
}
