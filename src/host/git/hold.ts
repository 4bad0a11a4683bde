import { join } from 'node:path';
import { HeldDirectory } from '../tree/held-directory.ts';
import { isLink } from './held-files.ts';
import { elsewhere } from './elsewhere.ts';
import type { Repository } from './repository.ts';

/** The directories of a repository, held: whoever renames them or puts links in their places leads nowhere. */
export interface HeldRepository extends Disposable {
  readonly workspace: HeldDirectory;
  /** What is the workspace's own: `HEAD` and `index`. */
  readonly gitDir: HeldDirectory;
  /** With the objects and branches. */
  readonly common: HeldDirectory;
}

/** Dispose of it. @throws {Problem} `git.elsewhere` when its `.git` became a link since somebody looked */
export function holdRepository({ workspace, gitDir, common }: Repository): HeldRepository {
  using stack = new DisposableStack();
  const top = stack.use(HeldDirectory.at(workspace));
  // What is of a worktree is outside of the workspace, where nobody in a container makes links.
  const open = () => (gitDir === common ? top.open('.git') : HeldDirectory.at(gitDir));
  try {
    const own = stack.use(open());
    const shared = gitDir === common ? own : stack.use(HeldDirectory.at(common));
    const owned = stack.move();
    return { workspace: top, gitDir: own, common: shared, [Symbol.dispose]: () => owned.dispose() };
  } catch (error) {
    throw isLink(error) ? elsewhere(join(workspace, '.git'), 'is a link') : error;
  }
}
