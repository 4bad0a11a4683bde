import type { SandboxLayer } from './schema/sandbox.ts';

/** What is read-only inside unless somebody says otherwise: places from which programs of the host run code of the workspace. */
export const usualProtectedPaths: readonly string[] = ['.git/config', '.git/hooks', '.husky', '.vscode'];

/** Most paths of one list, and of all together that protect one workspace. */
export const mostProtectedPaths = 200;

/** What is wrong with a path of the workspace that is to be protected, for people; undefined when nothing is. */
export function protectedPathFault(text: string): string | undefined {
  if (text.startsWith('/') || text.startsWith('~')) return 'It is a path in the workspace: begin with the first name.';
  const names = withoutSlash(text).split('/');
  if (names.some((name) => name === '' || name === '.' || name === '..')) {
    return 'Name what is in the workspace, without "." and ".." and empty parts.';
  }
  // NAME_MAX and room for the workspace within PATH_MAX, see path_resolution(7).
  if (names.some((name) => Buffer.byteLength(name) > 255) || Buffer.byteLength(text) > 1_024) return 'It is too long.';
  return /\p{Cc}/u.test(text) ? 'Take out the control characters.' : undefined;
}

/** The paths of the workspace that are read-only inside, each once and in order; none where protection is off. */
export function resolveProtected({ git = {}, security = {} }: SandboxLayer): readonly string[] {
  if (git.writable_hooks === true || security.disable_protection === true) return [];
  const { protected_paths: own = usualProtectedPaths, additional_protected_paths: more = [] } = security;
  return [...new Set([...own, ...more].map(withoutSlash))].toSorted();
}

function withoutSlash(text: string): string {
  return text.replace(/\/+$/, '');
}
