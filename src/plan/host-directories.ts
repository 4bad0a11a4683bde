import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Sandbox } from '../spec/sandbox.ts';

/** The workspace and what is protected of it, as a tree of mounts is made from it. */
export interface ProtectedWorkspace {
  readonly workspace: string;
  readonly protectedPaths: readonly string[];
}

/**
 * Every directory of the host that a sandbox sees. Incus gets none of them by its own path: with each start, also one from
 * inside that nobody asked for, it would follow whatever link stands in that path by then.
 */
export interface HostDirectories {
  /** The workspace, where paths of it are protected. */
  readonly covered?: ProtectedWorkspace;
  /** Paths of those that are shown as they are. */
  readonly shown: readonly string[];
}

/** Undefined where nothing is to be protected: the workspace is shown as it is then. */
export function protectedWorkspace({ workspace, protectedPaths = [] }: Sandbox): ProtectedWorkspace | undefined {
  return workspace !== undefined && protectedPaths.length > 0 ? { workspace, protectedPaths } : undefined;
}

export function hostDirectories(sandbox: Sandbox): HostDirectories {
  const covered = protectedWorkspace(sandbox);
  const mounted = Object.values(sandbox.mounts ?? {}).map(({ host }) => host);
  const workspace = covered || sandbox.workspace === undefined ? [] : [sandbox.workspace];
  return { ...(covered && { covered }), shown: [...new Set([...workspace, ...mounted])] };
}

/** Where the workspace of an instance is mounted on the host with its protected paths covered. */
export function treePath(workspaces: string, uid: string): string {
  return posix.join(workspaces, uid, 'tree');
}

/** Where a directory of the host is mounted for an instance that sees it as it is; another directory has another place. */
export function shownPath(workspaces: string, uid: string, host: string): string {
  return posix.join(workspaces, uid, `shown-${createHash('sha256').update(host).digest('hex').slice(0, 24)}`);
}
