import { open, rm, stat } from 'node:fs/promises';
import { peekLine } from './chain.ts';
import { fullFiles } from './files.ts';

/** The end of a file in which its last record begins, in bytes. */
const tailBytes = 524_288;

/**
 * Remove full files in which nothing is of `beforeMs` (milliseconds since 1970) or later, oldest first; never the current
 * file.
 */
export async function removeOld(dir: string, beforeMs: number): Promise<void> {
  for (const path of await fullFiles(dir)) {
    if ((await lastWrite(path)) >= beforeMs) return;
    await rm(path, { force: true });
  }
}

/** Remove full files, oldest first, until all of them together have at most so many bytes. */
export async function removeBeyond(dir: string, maxBytes: number): Promise<void> {
  let sum = 0;
  for (const path of (await fullFiles(dir)).toReversed()) {
    sum += (await stat(path)).size;
    if (sum > maxBytes) await rm(path, { force: true });
  }
}

/**
 * When a file was last written to, milliseconds since 1970: what the file system says or what the last record says,
 * whichever is earlier. Copies and backups that were put back are dated by when that was.
 */
export async function lastWrite(path: string): Promise<number> {
  await using file = await open(path, 'r');
  const { mtimeMs, size } = await file.stat();
  const length = Math.min(size, tailBytes);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
  const line = buffer.toString('utf8').trimEnd().split('\n').at(-1) ?? '';
  const recorded = Date.parse(peekLine(line)?.ts ?? '');
  return Number.isNaN(recorded) ? mtimeMs : Math.min(mtimeMs, recorded);
}
