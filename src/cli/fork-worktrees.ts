import type { Problem } from '../base/problem.ts';
import { removalOf, withLeft } from '../host/git/left-behind.ts';
import { findRepository } from '../host/git/repository.ts';
import { makeWorktrees, removeWorktrees, requireFree } from '../host/git/worktrees.ts';
import { workspaceHash } from '../spec/session-names.ts';

/** A worktree for one copy. */
export interface CopyPlace {
  /** Its path. */
  readonly workspace: string;
  readonly branch: string;
  /** A command line that takes both away. */
  readonly removal: string;
  /** For names of sessions. */
  readonly hash: string;
}

/** Worktrees for copies that could be made. */
export interface PlannedWorktrees {
  readonly places: readonly CopyPlace[];
  readonly make: () => Promise<void>;
  /** Takes away what was made a moment ago. @returns the failure, with what could not be taken away */
  readonly removeAfter: (failure: Problem) => Promise<Problem>;
}

/**
 * Worktrees beside a workspace, one for each name; undefined where it is no repository. Makes nothing yet.
 *
 * @throws {Problem} why they cannot be made, as {@link findRepository} and {@link requireFree}
 */
export async function planWorktrees(
  workspace: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<PlannedWorktrees | undefined> {
  const repository = await findRepository(workspace, signal);
  if (!repository) return undefined;
  const wanted = names.map((name) => ({ path: `${workspace}-${name}`, branch: name }));
  const commit = await requireFree(repository, wanted);
  return {
    places: wanted.map(({ path, branch }) => ({
      workspace: path,
      branch,
      removal: removalOf(workspace, { path, branch }),
      hash: workspaceHash(path),
    })),
    make: () => makeWorktrees(repository, { wanted, commit, signal }),
    removeAfter: async (failure) => withLeft(failure, workspace, await removeWorktrees(repository, { wanted, commit })),
  };
}
