import { join } from 'node:path';
import { Problem } from '../../base/problem.ts';
import { runAs } from './as-user.ts';
import type { CleanRepository } from './clean-repository.ts';
import type { Repository } from './repository.ts';

/**
 * Writes a tree of all that is in a workspace and not ignored, committed or not, without touching the workspace or its index.
 * What is in submodules is not of it: git would look into them with their own configuration.
 *
 * @returns the id of the tree
 */
export async function writeWorkTree(
  clean: CleanRepository,
  { workspace, gitDir, user }: Repository,
  { commit, signal }: { readonly commit: string; readonly signal: AbortSignal },
): Promise<string> {
  const index = join(clean.dir, 'index');
  const on = { workTree: workspace, index };
  // What was staged or left out of the checkout is in there; else what was committed last.
  const copy = ['cp', '--no-dereference', '--', join(gitDir, 'index'), index];
  const isTaken = await runAs(copy, { user, cwd: '/', signal }).then(() => isUsable(clean, on), isRefused(signal));
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
  await clean.run(['update-index', '-z', '--force-remove', '--stdin'], { ...on, input: ended(gone) });
  const add = ['update-index', '-z', '--add', '--remove', '--replace', '--stdin'];
  await clean.run(add, { ...on, input: ended(there) });
  return (await clean.run(['write-tree'], on)).trim();
}

/** One that is split, or damaged, is of no use alone. */
async function isUsable(clean: CleanRepository, on: { workTree: string; index: string }): Promise<boolean> {
  return clean.run(['ls-files', '--error-unmatch', '--stage', '--', ':(top)'], on).then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      return false;
    },
  );
}

function isRefused(signal: AbortSignal): (error: unknown) => false {
  return (error) => {
    signal.throwIfAborted();
    if (!(error instanceof Problem)) throw error;
    return false;
  };
}

function pairs(text: string): [status: string, path: string][] {
  const parts = text.split('\0');
  return Array.from({ length: Math.floor(parts.length / 2) }, (_, at) => [parts[2 * at]!, parts[2 * at + 1]!]);
}

function ended(paths: readonly string[]): string {
  return paths.map((path) => `${path}\0`).join('');
}
