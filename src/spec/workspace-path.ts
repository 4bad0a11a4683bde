import type { Sandbox } from './sandbox.ts';

/** Where the workspace appears inside unless it keeps its path. */
export const workspacePath = '/workspace';

/** Where the system inside has its own things: no workspace is mounted over them. */
const systemPaths = [
  '/etc',
  '/bin',
  '/sbin',
  '/usr',
  '/root',
  '/boot',
  '/sys',
  '/proc',
  '/dev',
  '/lib',
  '/lib64',
  '/run',
];

/** Where the workspace appears inside. */
export function workspaceInside({ workspace, preservesPath }: Pick<Sandbox, 'workspace' | 'preservesPath'>): string {
  const keeps = preservesPath && workspace !== undefined && !systemPaths.some((path) => isAtOrBelow(workspace, path));
  return keeps ? workspace : workspacePath;
}

/** Whether a path is another one, or lies below it. */
export function isAtOrBelow(path: string, other: string): boolean {
  return path === other || path.startsWith(other === '/' ? '/' : `${other}/`);
}
