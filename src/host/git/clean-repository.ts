import { join } from 'node:path';
import { runAs } from './as-user.ts';
import { runGit, runHere } from './git.ts';
import type { Repository } from './repository.ts';

/**
 * A repository of our own with the objects of another: what git does in it reads nothing of the other's configuration,
 * attributes or index extensions, so that no filter is defined whatever attributes name one. Contents go in and out byte by
 * byte.
 */
export interface CleanRepository extends AsyncDisposable {
  /** Runs git in it on a directory. @param index absolute path of the index that it works with */
  run(
    args: readonly string[],
    on: { readonly workTree: string; readonly index: string; readonly input?: string },
  ): Promise<string>;
  /** For files of our own. */
  readonly dir: string;
}

/** Makes one in the user's name. Dispose of it. */
export async function openCleanRepository(repository: Repository, signal: AbortSignal): Promise<CleanRepository> {
  const { common, user } = repository;
  const at = { user, cwd: '/', signal };
  const dir = (await runAs(['mktemp', '--directory', '--tmpdir=/tmp', 'coi-fork-XXXXXXXXXX'], at)).trim();
  const gitDir = join(dir, 'git');
  // What was begun is also taken away when somebody has called it off.
  const remove = async () =>
    void (await runAs(['rm', '--recursive', '--force', '--', dir], { ...at, signal: new AbortController().signal }));
  try {
    const format = (await runHere(repository, ['rev-parse', '--show-object-format'], signal)).trim();
    await runGit(['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, gitDir], at);
    // What its user keeps out of all commits by a file beside the repository is kept out here, too.
    await runAs(['mkdir', '--parents', join(gitDir, 'info')], at);
    await runAs(['ln', '--symbolic', join(common, 'info/exclude'), join(gitDir, 'info/exclude')], at);
  } catch (error) {
    await remove();
    throw error;
  }
  const objects = { GIT_DIR: gitDir, GIT_OBJECT_DIRECTORY: join(common, 'objects') };
  return {
    dir,
    run: (args, { workTree, index, input }) =>
      runGit(args, {
        user,
        cwd: workTree,
        signal,
        env: { ...objects, GIT_WORK_TREE: workTree, GIT_INDEX_FILE: index },
        ...(input !== undefined && { input }),
      }),
    [Symbol.asyncDispose]: remove,
  };
}
