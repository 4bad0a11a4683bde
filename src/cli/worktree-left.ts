import { join } from 'node:path';
import { messageOf } from '../base/problem.ts';
import { look } from '../host/git/look.ts';
import type { SandboxReport } from '../controller/report.ts';

/** What is said of a copy's worktree once the copy is gone, for behind what was done; empty for what has none. */
export async function worktreeLeft({ copy_of: original, workspace }: SandboxReport): Promise<string> {
  if (original === undefined || workspace === undefined) return '';
  try {
    return (await look(join(workspace, '.git')))?.isFile() ? `; its worktree stays: ${workspace}` : '';
  } catch (error) {
    return `; its workspace stays, whatever is in it: ${workspace} (${messageOf(error)})`;
  }
}
