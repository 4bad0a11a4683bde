import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../base/atomic-file.ts';
import { noHead, readLine, type Head } from './chain.ts';
import { auditFiles, tornName } from './files.ts';

/** Where a chain goes on after a start. */
export interface Recovered {
  readonly head: Head;
  /** What a crash left half-written, and where it is kept now. */
  readonly torn?: { readonly bytes: number; readonly file: string };
}

/**
 * Find the last record. Bytes after it that make no record are what a crash left: they are moved to a file of their own,
 * because they may say what was being done, and the chain goes on before them.
 */
export async function recoverHead(dir: string): Promise<Recovered> {
  let torn: Pick<Recovered, 'torn'> = {};
  for (const path of (await auditFiles(dir)).toReversed()) {
    const content = await readFile(path);
    const { head, end } = lastRecord(content);
    if (end < content.length) torn = await keepAside({ dir, path, rest: content.subarray(end), end, head });
    if (head) return { head, ...torn };
  }
  return { head: noHead, ...torn };
}

/** The last whole record of a file and the byte after it. */
function lastRecord(content: Buffer): { readonly head: Head | undefined; readonly end: number } {
  for (let end = content.lastIndexOf(0x0a) + 1; end > 0;) {
    const start = end < 2 ? 0 : content.lastIndexOf(0x0a, end - 2) + 1;
    const record = readLine(content.toString('utf8', start, end - 1));
    if (!('bad' in record)) return { head: { seq: record.seq, hash: record.hash }, end };
    end = start;
  }
  return { head: undefined, end: 0 };
}

interface Rest {
  readonly dir: string;
  readonly path: string;
  readonly rest: Buffer;
  readonly end: number;
  readonly head: Head | undefined;
}

async function keepAside({ dir, path, rest, end, head }: Rest): Promise<Pick<Recovered, 'torn'>> {
  const file = await writeNew(dir, (head?.seq ?? 0) + 1, rest);
  await truncate(path, end);
  await using handle = await open(path, 'r');
  await handle.sync();
  await syncDirectory(dir);
  return { torn: { bytes: rest.length, file } };
}

/** Crashing twice in the same place must not overwrite what the first crash left. */
async function writeNew(dir: string, nextSeq: number, content: Buffer): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    const file = tornName(nextSeq, attempt);
    try {
      await writeFile(join(dir, file), content, { flag: 'wx', mode: 0o600, flush: true });
      return file;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}
