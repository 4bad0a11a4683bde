import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { peekLine, readLine, type Link } from './chain.ts';
import { auditFiles, firstSeqOf, isMissing } from './files.ts';

/** Which records of a chain to read. */
export interface ChainQuery<Entry extends object> {
  readonly dir: string;
  /** Only what was written down then or later, milliseconds since 1970. */
  readonly since?: number;
  /** Only records after this number. */
  readonly afterSeq?: number;
  /** Only the newest so many. */
  readonly limit?: number;
  /** Only those. */
  readonly accepts?: (record: Entry & Link) => boolean;
}

/**
 * Records in the order in which they were written. Lines that cannot be read are left out: `verifyChain` finds those.
 * No directory reads as no records.
 */
export async function readChain<Entry extends object>(query: ChainQuery<Entry>): Promise<(Entry & Link)[]> {
  const { afterSeq = 0, since } = query;
  let records: (Entry & Link)[] = [];
  for (const path of filesAfter(await auditFiles(query.dir), afterSeq)) {
    if (await isTooOld(path, since)) continue;
    for (const line of await linesOf(path)) {
      if (isKnown(line, afterSeq)) continue;
      const record = readLine(line) as (Entry & Link) | { readonly bad: string };
      if (!('bad' in record) && matches(record, query)) records.push(record);
    }
    if (query.limit !== undefined) records = query.limit > 0 ? records.slice(-query.limit) : [];
  }
  return records;
}

/**
 * Records as they come, beginning with those that are there, until the signal aborts.
 *
 * @throws the signal's reason
 */
export async function* followChain<Entry extends object>(
  query: ChainQuery<Entry> & { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<Entry & Link> {
  let { afterSeq } = query;
  for (let limit = query.limit; ; limit = undefined) {
    query.signal.throwIfAborted();
    const { limit: _, ...rest } = query;
    const wanted = { ...rest, ...(limit !== undefined && { limit }), ...(afterSeq !== undefined && { afterSeq }) };
    for (const record of await readChain(wanted)) {
      afterSeq = record.seq;
      yield record;
    }
    await query.clock.sleep(500, query.signal);
  }
}

/** Whether a line's record has at most this number; it is not checked for that. */
function isKnown(line: string, afterSeq: number): boolean {
  const start = peekLine(line);
  return start !== undefined && start.seq <= afterSeq;
}

/** Files that may have records after this number: one that is followed by a file that begins no later has none. */
function filesAfter(paths: readonly string[], afterSeq: number): string[] {
  return paths.filter((_, index) => (firstSeqOf(paths[index + 1]) ?? Infinity) > afterSeq + 1);
}

/** A file whose last record is older than what is asked for need not be read. */
async function isTooOld(path: string, since: number | undefined): Promise<boolean> {
  if (since === undefined) return false;
  try {
    return (await stat(path)).mtimeMs < since;
  } catch (error) {
    // Rotated or removed since it was listed.
    if (isMissing(error)) return true;
    throw error;
  }
}

function matches<Entry extends object>(record: Entry & Link, { since, accepts }: ChainQuery<Entry>): boolean {
  if (since !== undefined && Date.parse(record.ts) < since) return false;
  return accepts === undefined || accepts(record);
}

/** Lines of a file, also a last one without an end; none where the file was rotated away meanwhile. */
export async function linesOf(path: string): Promise<string[]> {
  try {
    const lines = (await readFile(path, 'utf8')).split('\n');
    return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
