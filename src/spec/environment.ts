import { Problem } from '../base/problem.ts';
import { checkData } from './check-data.ts';
import type { KeyPath } from './locate-toml.ts';
import { sandboxSchema, type SandboxLayer } from './schema/sandbox.ts';

/** Variables and the keys they set. */
const variables: readonly { readonly name: string; readonly path: readonly string[] }[] = [
  { name: 'CLAUDE_ON_INCUS_IMAGE', path: ['image'] },
  { name: 'CLAUDE_ON_INCUS_PERSISTENT', path: ['persistent'] },
  { name: 'CLAUDE_ON_INCUS_SESSIONS_DIR', path: ['paths', 'sessions_dir'] },
  { name: 'CLAUDE_ON_INCUS_STORAGE_DIR', path: ['paths', 'storage_dir'] },
  { name: 'COI_LIMIT_CPU', path: ['limits', 'cpu', 'count'] },
  { name: 'COI_LIMIT_CPU_ALLOWANCE', path: ['limits', 'cpu', 'allowance'] },
  { name: 'COI_LIMIT_MEMORY', path: ['limits', 'memory', 'limit'] },
  { name: 'COI_LIMIT_MEMORY_SWAP', path: ['limits', 'memory', 'swap'] },
  { name: 'COI_LIMIT_DISK_READ', path: ['limits', 'disk', 'read'] },
  { name: 'COI_LIMIT_DISK_WRITE', path: ['limits', 'disk', 'write'] },
  { name: 'COI_LIMIT_DURATION', path: ['limits', 'runtime', 'max_duration'] },
];

/**
 * What environment variables say about a sandbox. Empty variables say nothing.
 *
 * @returns the layer and its problems, which name the variable where a file would be named; a layer with problems is
 *   not to be used
 */
export function environmentLayer(environment: Readonly<Record<string, string | undefined>>): {
  readonly layer: SandboxLayer;
  readonly problems: readonly Problem[];
} {
  const layer: Record<string, unknown> = {};
  for (const { name, path } of variables) {
    const text = environment[name];
    if (text) set(layer, path, path[0] === 'persistent' ? text === 'true' || text === '1' : text);
  }
  const nowhere = { line: 1, column: 1 };
  const locator = { at: () => undefined, nearest: () => ({ key: nowhere, value: nowhere }) };
  const found = checkData({ schema: sandboxSchema, data: layer, file: 'environment', locator });
  return { layer, problems: found.map(({ path, problem }) => named(problem, path)) };
}

function named({ code, message, hint }: Problem, path: KeyPath): Problem {
  const variable = variables.find((candidate) => candidate.path.join('.') === path.join('.'))!;
  return new Problem({
    code,
    message,
    ...(hint && { hint }),
    position: { file: `environment variable ${variable.name}` },
  });
}

function set(table: Record<string, unknown>, [key, ...below]: readonly string[], value: unknown): void {
  if (below.length === 0) table[key!] = value;
  else set((table[key!] ??= {}) as Record<string, unknown>, below, value);
}
