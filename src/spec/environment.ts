import { namedLayer, type NamedLayer } from './named-layer.ts';
import type { SettingsLayer } from './schema/files.ts';

/** Variables and the keys they set. */
const variables: readonly { readonly name: string; readonly path: readonly string[] }[] = [
  { name: 'CLAUDE_ON_INCUS_IMAGE', path: ['image'] },
  { name: 'CLAUDE_ON_INCUS_PERSISTENT', path: ['persistent'] },
  { name: 'COI_LIMIT_CPU', path: ['limits', 'cpu', 'count'] },
  { name: 'COI_LIMIT_CPU_ALLOWANCE', path: ['limits', 'cpu', 'allowance'] },
  { name: 'COI_LIMIT_MEMORY', path: ['limits', 'memory', 'limit'] },
  { name: 'COI_LIMIT_MEMORY_SWAP', path: ['limits', 'memory', 'swap'] },
  { name: 'COI_LIMIT_DISK_READ', path: ['limits', 'disk', 'read'] },
  { name: 'COI_LIMIT_DISK_WRITE', path: ['limits', 'disk', 'write'] },
  { name: 'COI_LIMIT_DURATION', path: ['limits', 'runtime', 'max_duration'] },
];

/**
 * The directories that settings and environment variables name, which win.
 *
 * @returns as they were written
 */
export function namedDirectories(
  { sessions_dir: sessions, storage_dir: storage, logs_dir: logs }: NonNullable<SettingsLayer['paths']>,
  { CLAUDE_ON_INCUS_SESSIONS_DIR, CLAUDE_ON_INCUS_STORAGE_DIR }: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const named = [CLAUDE_ON_INCUS_SESSIONS_DIR || sessions, CLAUDE_ON_INCUS_STORAGE_DIR || storage, logs];
  return named.filter((path) => path !== undefined);
}

/**
 * What environment variables say about a sandbox. Empty variables say nothing.
 *
 * @returns the layer and its problems, which name the variable where a file would be named; a layer with problems is
 *   not to be used
 */
export function environmentLayer(environment: Readonly<Record<string, string | undefined>>): NamedLayer {
  return namedLayer(
    variables.flatMap(({ name, path }) => {
      const text = environment[name];
      if (!text) return [];
      const value = path[0] === 'persistent' ? text === 'true' || text === '1' : text;
      return [{ name: `environment variable ${name}`, path, value }];
    }),
  );
}
