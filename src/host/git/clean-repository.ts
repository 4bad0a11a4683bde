import { join } from 'node:path';
import { HeldDirectory } from '../tree/held-directory.ts';
import { runAs, wholeTreeMs, type FileUser } from './as-user.ts';
import { elsewhere } from './elsewhere.ts';
import { runGit } from './git.ts';
import { isLink, readBelow, writeNew } from './held-files.ts';
import type { HeldRepository } from './hold.ts';
import { takeObjects, type TakenPacks } from './take-objects.ts';

/**
 * A repository of our own with the objects of another: git opens no file of the other by its name, and reads nothing of its
 * configuration, attributes or index extensions, so that no filter is defined whatever attributes name one. Contents go in and out
 * byte by byte.
 */
export interface CleanRepository extends AsyncDisposable {
  /** Runs git in it on a directory. @param index absolute path of the index that it works with */
  run(
    args: readonly string[],
    on: { readonly workTree: string; readonly index: string; readonly input?: string; readonly limitMs?: number },
  ): Promise<string>;
  /** For files of our own. */
  readonly dir: string;
}

/** Files of a repository that say what is in it, beside objects and references. */
const copied = ['info/exclude', 'shallow'];

/** Makes one in the user's name. Dispose of it. @throws {Problem} `git.elsewhere`, `git.packs` */
export async function openCleanRepository(
  held: HeldRepository,
  user: FileUser,
  signal: AbortSignal,
): Promise<CleanRepository> {
  const at = { user, cwd: '/', signal };
  // Not in memory, as /tmp may be: all that is not committed goes through it.
  const dir = (await runAs(['mktemp', '--directory', '--tmpdir=/var/tmp', 'coi-fork-XXXXXXXXXX'], at)).trim();
  const gitDir = join(dir, 'git');
  // What was begun is also taken away when somebody has called it off.
  const unending = { ...at, signal: new AbortController().signal, limitMs: wholeTreeMs };
  const remove = async () => void (await runAs(['rm', '--recursive', '--force', '--', dir], unending));
  let packs: TakenPacks;
  try {
    const format = formatOf(held);
    await runGit(['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, gitDir], at);
    await runAs(['mkdir', '--parents', join(gitDir, 'info')], at);
    for (const path of copied) copyFile(held, { path, gitDir, user });
    using objects = openObjects(held);
    packs = await takeObjects({ from: objects, to: join(gitDir, 'objects'), user, signal });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    dir,
    run: (args, { workTree, index, ...rest }) =>
      runGit(args, {
        user,
        cwd: workTree,
        signal,
        env: { GIT_DIR: gitDir, GIT_WORK_TREE: workTree, GIT_INDEX_FILE: index },
        descriptors: packs.descriptors,
        limitMs: wholeTreeMs,
        ...rest,
      }),
    [Symbol.asyncDispose]: async () => {
      packs[Symbol.dispose]();
      await remove();
    },
  };
}

/** How object ids are made. See git-config(1), `extensions.objectFormat`. */
function formatOf({ common }: HeldRepository): 'sha1' | 'sha256' {
  const config = readBelow(common, 'config')?.toString('latin1') ?? '';
  return /^\s*objectformat\s*=\s*"?sha256"?\s*$/im.test(config) ? 'sha256' : 'sha1';
}

function copyFile(
  { common }: HeldRepository,
  { path, gitDir, user }: { readonly path: string; readonly gitDir: string; readonly user: FileUser },
): void {
  const content = readBelow(common, path);
  if (!content) return;
  const parts = path.split('/');
  using directory = HeldDirectory.at(join(gitDir, ...parts.slice(0, -1)));
  writeNew(directory, parts.at(-1)!, { content, user });
}

function openObjects({ common }: HeldRepository): HeldDirectory {
  try {
    return common.open('objects');
  } catch (error) {
    throw isLink(error) ? elsewhere('.git/objects', 'is a link') : error;
  }
}
