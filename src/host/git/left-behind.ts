import { Problem } from '../../base/problem.ts';
import type { Worktree } from './worktrees.ts';

/** A command line with which somebody takes a worktree of a workspace and its branch away. */
export function removalOf(workspace: string, { path, branch }: Worktree): string {
  const git = `git -C ${word(workspace)}`;
  return `${git} worktree remove --force ${word(path)}; ${git} branch -D ${word(branch)}`;
}

/** The same failure, with what could not be taken back after it. */
export function withLeft(cause: Problem, workspace: string, left: readonly Worktree[]): Problem {
  if (left.length === 0) return cause;
  const { code, message, hint, retry } = cause;
  const lines = left.map((each) => `${each.path} stays; take it away with: ${removalOf(workspace, each)}`);
  return new Problem({
    code,
    message,
    retry,
    hint: [...(hint === undefined ? [] : [hint]), ...lines].join('\n  '),
    cause,
  });
}

/** As one word of a shell's. */
function word(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
