import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The file that is written to. */
export const currentName = 'coi.jsonl';

const archived = /^coi-\d{12}\.jsonl$/;
const keptAside = /^coi-\d{12}(?:-\d+)?\.torn$/;

/** Name of a file that is full: its first record's number, so that names sort as the records do. */
export function archiveName(firstSeq: number): string {
  return `coi-${String(firstSeq).padStart(12, '0')}.jsonl`;
}

/** Number of the first record of a full file; undefined for any other. */
export function firstSeqOf(path: string | undefined): number | undefined {
  const digits = /\/coi-(\d{12})\.jsonl$/.exec(path ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Name under which the end of a file is kept that a crash left half-written. */
export function tornName(nextSeq: number, attempt: number): string {
  const number = String(nextSeq).padStart(12, '0');
  return attempt === 0 ? `coi-${number}.torn` : `coi-${number}-${attempt}.torn`;
}

/** Files of the log, oldest first; none when the directory is not there. */
export async function auditFiles(dir: string): Promise<string[]> {
  const names = await namesIn(dir);
  const files = names.filter((name) => archived.test(name)).sort();
  return [...files, ...names.filter((name) => name === currentName)].map((name) => join(dir, name));
}

/** Files that are full, and what crashes left, oldest first. */
export async function fullFiles(dir: string): Promise<string[]> {
  const names = (await namesIn(dir)).filter((name) => archived.test(name) || keptAside.test(name));
  return names.sort().map((name) => join(dir, name));
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Whether a file system call failed because something is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
