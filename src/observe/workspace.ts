import { lstat, realpath } from 'node:fs/promises';
import type { Sandbox } from '../spec/sandbox.ts';

/** What is wrong with a workspace, and what to do about it. */
export interface WorkspaceFault {
  readonly message: string;
  readonly hint: string;
  /** Nothing is known to be wrong: whoever looks may not see it. */
  readonly isDenied?: boolean;
}

/** What is wrong with the first directory of the host that a sandbox is to see and cannot. */
export async function inspectDirectories({ workspace, mounts = {} }: Pick<Sandbox, 'workspace' | 'mounts'>) {
  const fault = workspace === undefined ? undefined : await inspectWorkspace(workspace);
  if (fault) return fault;
  for (const { host } of Object.values(mounts)) {
    const found = await inspectWorkspace(host, 'Mounted directory');
    if (found) return found;
  }
  return undefined;
}

/**
 * Look at a workspace directory as the host sees it; undefined when it may be mounted.
 *
 * A symbolic link anywhere in its path, or a directory that everybody may write, would let another user of the host choose
 * what root's controller mounts.
 */
export async function inspectWorkspace(path: string, what = 'Workspace'): Promise<WorkspaceFault | undefined> {
  try {
    const stat = await lstat(path);
    if (stat.isSymbolicLink() || (await realpath(path)) !== path) {
      return {
        message: `${what} "${path}" is reached through a symbolic link`,
        hint: `Name its real path: ${await realpath(path)}`,
      };
    }
    if (!stat.isDirectory()) return { message: `${what} "${path}" is not a directory`, hint: 'Name a directory' };
    if (stat.mode & 0o002) {
      return { message: `${what} "${path}" can be written by every user of the host`, hint: `chmod o-w ${path}` };
    }
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return { message: `${what} "${path}" does not exist`, hint: `mkdir -p ${path}` };
    return {
      message: `${what} "${path}" cannot be read: ${code ?? String(error)}`,
      hint: 'See who may read it: namei -l PATH',
      isDenied: code === 'EACCES' || code === 'EPERM',
    };
  }
}
