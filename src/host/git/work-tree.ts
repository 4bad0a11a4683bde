import { join } from 'node:path';
import { Problem } from '../../base/problem.ts';
import { HeldDirectory } from '../tree/held-directory.ts';
import { runAs, type FileUser } from './as-user.ts';
import type { CleanRepository } from './clean-repository.ts';
import { readBelow, writeNew } from './held-files.ts';
import type { HeldRepository } from './hold.ts';
import { takeFiles } from './take-files.ts';

/** Longest that git looks for names, in milliseconds: a FIFO called .gitignore would have it wait for ever. */
const namesMs = 120_000;

/** What is to be written. */
export interface WorkTree {
  readonly held: HeldRepository;
  /** Absolute. */
  readonly workspace: string;
  readonly user: FileUser;
  /** That is checked out. */
  readonly commit: string;
  readonly signal: AbortSignal;
}

/**
 * Writes a tree of all that is in a workspace and not ignored, committed or not, without touching the workspace or its index.
 * What is in submodules is not of it: git would look into them with their own configuration.
 *
 * In the workspace git only finds out names, by which it may be led elsewhere: contents are copied by {@link takeFiles} first, which
 * is not.
 *
 * @returns the id of the tree
 */
export async function writeWorkTree(
  clean: CleanRepository,
  { held, workspace, user, commit, signal }: WorkTree,
): Promise<string> {
  const index = join(clean.dir, 'index');
  const on = { workTree: workspace, index, limitMs: namesMs };
  // What was staged or left out of the checkout is in there; else what was committed last.
  const isTaken = copyIndex(held, clean, user) && (await isUsable(clean, on));
  if (!isTaken) {
    await runAs(['rm', '--force', '--', index], { user, cwd: '/', signal });
    await clean.run(['read-tree', commit], on);
  }
  const changed = pairs(await clean.run(['diff-files', '-z', '--name-status', '--ignore-submodules=all'], on));
  // A name with a slash behind it is a repository of its own.
  const others = (await clean.run(['ls-files', '-z', '--others', '--exclude-standard'], on))
    .split('\0')
    .filter((path) => path !== '' && !path.endsWith('/'));
  const gone = changed.filter(([status]) => status === 'D').map(([, path]) => path);
  const there = [...changed.filter(([status]) => status !== 'D').map(([, path]) => path), ...others];
  const files = join(clean.dir, 'files');
  await runAs(['mkdir', '--', files], { user, cwd: '/', signal });
  await takeFiles({ from: held.workspace, to: files, paths: there, user, signal });
  const own = { workTree: files, index };
  await clean.run(['update-index', '-z', '--force-remove', '--stdin'], { ...own, input: ended(gone) });
  const add = ['update-index', '-z', '--add', '--remove', '--replace', '--stdin'];
  await clean.run(add, { ...own, input: ended(there) });
  return (await clean.run(['write-tree'], own)).trim();
}

function copyIndex({ gitDir }: HeldRepository, { dir }: CleanRepository, user: FileUser): boolean {
  const content = readBelow(gitDir, 'index');
  if (!content) return false;
  using directory = HeldDirectory.at(dir);
  writeNew(directory, 'index', { content, user });
  return true;
}

/** One that is split, or damaged, is of no use alone. */
async function isUsable(clean: CleanRepository, on: Parameters<CleanRepository['run']>[1]): Promise<boolean> {
  return clean.run(['ls-files', '--error-unmatch', '--stage', '--', ':(top)'], on).then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      return false;
    },
  );
}

function pairs(text: string): [status: string, path: string][] {
  const parts = text.split('\0');
  return Array.from({ length: Math.floor(parts.length / 2) }, (_, at) => [parts[2 * at]!, parts[2 * at + 1]!]);
}

function ended(paths: readonly string[]): string {
  return paths.map((path) => `${path}\0`).join('');
}
