import { readFile, rmdir, unlink } from 'node:fs/promises';
import { openBelow, openPath, pathOf } from './handle.ts';
import type { Made } from './seal.ts';

/** What is empty, or holds what it was made with, goes; the rest is somebody's by now. */
export async function unmake(workspace: string, made: readonly Made[]): Promise<void> {
  for (const { path, missing } of made.toReversed()) {
    try {
      await unmakeOne(workspace, path, missing);
    } catch {
      // Nothing depends on it: an empty directory more in the workspace, or it is in use by another sandbox.
    }
  }
}

async function unmakeOne(workspace: string, path: string, missing: Made['missing']): Promise<void> {
  const names = path.split('/');
  const name = names.pop()!;
  await using stack = new AsyncDisposableStack();
  let directory = stack.use(await openPath(workspace));
  for (const part of names) {
    const next = await openBelow(directory, part);
    if (next?.kind !== 'directory') return;
    directory = stack.use(next);
  }
  const own = `${pathOf(directory)}/${name}`;
  if (missing === 'directory') return await rmdir(own);
  await using place = await openBelow(directory, name);
  if (place?.kind !== 'file' || place.names !== 1) return;
  if ((await readFile(pathOf(place), 'utf8')) === missing.text) await unlink(own);
}
