import { lstat, realpath } from 'node:fs/promises';

/** What is wrong with a workspace, and what to do about it. */
export interface WorkspaceFault {
  readonly message: string;
  readonly hint: string;
  /** Nothing is known to be wrong: whoever looks may not see it. */
  readonly isDenied?: boolean;
}

/**
 * Look at a workspace directory as the host sees it; undefined when it may be mounted.
 *
 * A symbolic link anywhere in its path, or a directory that everybody may write, would let another user of the host choose
 * what root's controller mounts.
 */
export async function inspectWorkspace(path: string): Promise<WorkspaceFault | undefined> {
  try {
    const stat = await lstat(path);
    if (stat.isSymbolicLink() || (await realpath(path)) !== path) {
      return {
        message: `Workspace "${path}" is reached through a symbolic link`,
        hint: `Name its real path: ${await realpath(path)}`,
      };
    }
    if (!stat.isDirectory()) return { message: `Workspace "${path}" is not a directory`, hint: 'Name a directory' };
    if (stat.mode & 0o002) {
      return { message: `Workspace "${path}" can be written by every user of the host`, hint: `chmod o-w ${path}` };
    }
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return { message: `Workspace "${path}" does not exist`, hint: `mkdir -p ${path}` };
    return {
      message: `Workspace "${path}" cannot be read: ${code ?? String(error)}`,
      hint: 'See who may read it: namei -l PATH',
      isDenied: code === 'EACCES' || code === 'EPERM',
    };
  }
}
