import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';

/**
 * What is at a path, links being themselves; undefined when there is nothing.
 *
 * @throws the system's own error where that cannot be told: who takes it for nothing shares what should not be shared
 */
export async function look(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
