import { readdir, readFile } from 'node:fs/promises';
import { Problem } from '../../base/problem.ts';
import { onlyForRoot } from './ask.ts';

/**
 * A file's text; undefined where there is none.
 *
 * @throws Problem `health.not-root` where this user may not read it
 */
export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    return absent(error, path);
  }
}

/** Names in a directory; none where it does not exist. */
export async function listOptional(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    return absent(error, path) ?? [];
  }
}

function absent(error: unknown, path: string): undefined {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (['ENOENT', 'ENOTDIR'].includes(code)) return undefined;
  if (['EACCES', 'EPERM'].includes(code)) throw onlyForRoot(`for ${path}`);
  throw new Problem({ code: 'health.unreadable', message: `Cannot read ${path}: ${code}`, cause: error });
}
