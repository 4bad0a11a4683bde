import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxReport } from '../controller/report.ts';

/** What is said of a copy's worktree once the copy is gone, for behind what was done; empty for what has none. */
export async function worktreeLeft({ copy_of: original, workspace }: SandboxReport): Promise<string> {
  if (original === undefined || workspace === undefined) return '';
  const git = await lstat(join(workspace, '.git')).catch(() => undefined);
  return git?.isFile() ? `; its worktree stays: ${workspace}` : '';
}
