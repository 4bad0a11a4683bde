import { dirname } from 'node:path/posix';
import { packTar } from '../base/pack-tar.ts';

/** A file for a home directory. */
export interface HomeEntry {
  /** Relative. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** An archive of files and the directories that they lie in, all for their owner alone. */
export function packFiles(files: readonly HomeEntry[]): Uint8Array {
  const directories = new Set(files.flatMap(({ path }) => parentsOf(path)));
  const above = [...directories].map((path) => ({ kind: 'directory', path, mode: 0o700 }) as const);
  const entries = files.map((each) => ({ kind: 'file', ...each, mode: 0o600 }) as const);
  return packTar([...above, ...entries], Date.now());
}

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [...parentsOf(parent), parent];
}
