import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, Problem } from '../../base/problem.ts';
import { codeOf } from '../tree/held-directory.ts';
import { runAs, wholeTreeMs, type FileUser } from './as-user.ts';
import { openCleanRepository, type CleanRepository } from './clean-repository.ts';
import { elsewhere } from './elsewhere.ts';
import { isLink } from './held-files.ts';
import { holdRepository, type HeldRepository } from './hold.ts';
import { withLeft } from './left-behind.ts';
import { look } from './look.ts';
import { branchCommit, headCommit, isTaken } from './refs.ts';
import type { Repository } from './repository.ts';
import { writeWorkTree } from './work-tree.ts';
import { removeBranch, removeEntry, writeBranch, writeEntry, writeIndex } from './worktree-entry.ts';

/** A worktree of its own. */
export interface Worktree {
  /** Absolute. */
  readonly path: string;
  readonly branch: string;
}

/**
 * The commit that worktrees begin with.
 *
 * @throws {Problem} `git.no-commit` before the first commit; `git.taken` where a branch or a directory is there already;
 *   `git.reftable` for a repository whose references are no files
 */
export async function requireFree(repository: Repository, wanted: readonly Worktree[]): Promise<string> {
  const { workspace, common } = repository;
  if (await look(join(common, 'reftable'))) throw reftable(workspace);
  using held = holdRepository(repository);
  const commit = headCommit(held);
  if (commit === undefined) {
    throw new Problem({
      code: 'git.no-commit',
      message: `The repository in ${workspace} has no commit yet, with which a branch could begin`,
      hint: 'Make one: git commit; or fork with --shared, so that the copies work in the same directory.',
    });
  }
  for (const { path, branch } of wanted) {
    if (isTaken(held, branch)) throw taken(`The branch "${branch}"`);
    if (await look(path)) throw taken(path);
  }
  return commit;
}

/** Which worktrees. */
export interface WantedWorktrees {
  readonly wanted: readonly Worktree[];
  /** From {@link requireFree}. */
  readonly commit: string;
}

/**
 * Makes worktrees with branches of their own, and with all that is in the workspace, committed or not, but for what is
 * ignored. All of them or none. The workspace, its index and its branch stay as they are.
 *
 * What is inside may change everything in the workspace meanwhile, `.git` included. Git works in a repository of our own; what
 * it needs of the other one, contents of files, and what is written of the worktrees goes through directories that are held.
 * By its path git only looks in the workspace for names of files, what `.gitignore` files ignore, and whether a file has changed. That is
 * left: led elsewhere by a link that is swapped in, it may look there, and list names of which nothing is then taken; which names
 * there are can be told from what is left out. A FIFO called `.gitignore` holds it up for two minutes.
 */
export async function makeWorktrees(
  repository: Repository,
  { wanted, commit, signal }: WantedWorktrees & { readonly signal: AbortSignal },
): Promise<void> {
  const { workspace, common, user } = repository;
  using held = holdRepository(repository);
  const made: Worktree[] = [];
  try {
    await using clean = await openCleanRepository(held, user, signal);
    const tree = await writeWorkTree(clean, { held, workspace, user, commit, signal });
    const to = { held, clean, common, user, commit, signal, ...(await readTrees(clean, tree, commit)) };
    for (const each of wanted) {
      await makeDirectory(to, each);
      made.push(each);
      await fill(to, each);
    }
  } catch (error) {
    const left = await removeWorktrees(repository, { wanted: made, commit });
    signal.throwIfAborted();
    throw withLeft(asProblem(error, common), workspace, left);
  }
}

interface Making {
  readonly held: HeldRepository;
  readonly clean: CleanRepository;
  /** Path of the repository with the branches. */
  readonly common: string;
  readonly user: FileUser;
  readonly commit: string;
  readonly signal: AbortSignal;
  /** Path of an index of what is to be in the files. */
  readonly files: string;
  /** An index of the commit: against it, what is in the files shows as what it was, not committed. */
  readonly index: Buffer;
}

async function readTrees(
  clean: CleanRepository,
  tree: string,
  commit: string,
): Promise<Pick<Making, 'files' | 'index'>> {
  const [files, committed] = [join(clean.dir, 'index-files'), join(clean.dir, 'index-commit')];
  await clean.run(['read-tree', tree], { workTree: clean.dir, index: files });
  await clean.run(['read-tree', commit], { workTree: clean.dir, index: committed });
  return { files, index: await readFile(committed) };
}

/** With its branch; nothing is left of it when that fails. */
async function makeDirectory({ held, user, commit, signal }: Making, { path, branch }: Worktree): Promise<void> {
  const at = { user, cwd: '/', signal };
  await runAs(['mkdir', '--', path], at);
  try {
    writeBranch(held.common, { branch, user, commit });
  } catch (error) {
    await runAs(['rmdir', '--', path], at);
    throw codeOf(error) === 'EEXIST' ? taken(`The branch "${branch}"`) : error;
  }
}

async function fill({ held, clean, common, user, signal, files, index }: Making, each: Worktree): Promise<void> {
  const name = writeEntry(held.common, { ...each, user });
  const link = Buffer.from(`gitdir: ${join(common, 'worktrees', name)}\n`).toString('latin1');
  await runAs(['tee', '--', join(each.path, '.git')], { user, cwd: '/', signal, input: link });
  await clean.run(['checkout-index', '--all', '--force'], { workTree: each.path, index: files });
  writeIndex(held.common, { name, index, user });
}

/**
 * Takes away what {@link makeWorktrees} has just made; nothing whose branch is at another commit by now.
 *
 * @returns what could not be taken away, in whole or in part
 */
export async function removeWorktrees(
  repository: Repository,
  { wanted, commit }: WantedWorktrees,
): Promise<readonly Worktree[]> {
  const left: Worktree[] = [];
  for (const each of wanted) if (!(await isRemoved(repository, each, commit))) left.push(each);
  return left;
}

async function isRemoved(repository: Repository, { path, branch }: Worktree, commit: string): Promise<boolean> {
  // Also of what was called off.
  const at = { user: repository.user, cwd: '/', signal: new AbortController().signal, limitMs: wholeTreeMs };
  try {
    using held = holdRepository(repository);
    if (branchCommit(held, branch) !== commit) return false;
    await runAs(['rm', '--recursive', '--force', '--', path], at);
    removeBranch(held.common, branch, commit);
    removeEntry(held.common, path);
    return true;
  } catch {
    // Why matters to nobody who is told how to do it himself: what went wrong first is the reason.
    return false;
  }
}

function asProblem(error: unknown, common: string): Problem {
  if (error instanceof Problem) return error;
  if (isLink(error)) return elsewhere(common, 'has a link in the place of a directory');
  const hint = 'Put it right; or fork with --shared, so that the copies work in the same directory.';
  return new Problem({ code: 'git.failed', message: `Cannot make worktrees: ${messageOf(error)}`, hint, cause: error });
}

function reftable(workspace: string): Problem {
  return new Problem({
    code: 'git.reftable',
    message: `The repository in ${workspace} keeps its branches in a "reftable", in which no branch can be made safely`,
    hint: 'Fork with --shared, so that the copies work in the same directory.',
  });
}

function taken(what: string): Problem {
  return new Problem({
    code: 'git.taken',
    message: `${what} exists already: nothing was copied`,
    hint: 'Take another name for the copies.',
  });
}
