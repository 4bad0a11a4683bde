import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { readLine } from './chain.ts';
import { auditFiles, isMissing } from './files.ts';
import type { AuditRecord } from './record.ts';

/** Which records to read. */
export interface AuditQuery {
  readonly dir: string;
  /** Only what was written down then or later, milliseconds since 1970. */
  readonly since?: number;
  /** Only what is about this key. */
  readonly key?: string;
  /** Only records after this number. */
  readonly afterSeq?: number;
  /** Only the newest so many. */
  readonly limit?: number;
}

/**
 * Records in the order in which they were written. Lines that cannot be read are left out: `verifyAudit` finds those.
 * No directory reads as no records.
 */
export async function readAudit(query: AuditQuery): Promise<AuditRecord[]> {
  let records: AuditRecord[] = [];
  for (const path of await auditFiles(query.dir)) {
    if (await isTooOld(path, query)) continue;
    for (const line of await linesOf(path)) {
      if (seqOf(line) <= (query.afterSeq ?? 0)) continue;
      const record = readLine(line);
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
export async function* followAudit(
  query: AuditQuery & { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<AuditRecord> {
  let { afterSeq } = query;
  for (let limit = query.limit; ; limit = undefined) {
    query.signal.throwIfAborted();
    const { limit: _, ...rest } = query;
    const wanted = { ...rest, ...(limit !== undefined && { limit }), ...(afterSeq !== undefined && { afterSeq }) };
    for (const record of await readAudit(wanted)) {
      afterSeq = record.seq;
      yield record;
    }
    await query.clock.sleep(500, query.signal);
  }
}

/** A file whose last record is older than what is asked for need not be read. */
async function isTooOld(path: string, { since }: AuditQuery): Promise<boolean> {
  if (since === undefined) return false;
  try {
    return (await stat(path)).mtimeMs < since;
  } catch (error) {
    // Rotated or removed since it was listed.
    if (isMissing(error)) return true;
    throw error;
  }
}

/** Number of a line's record, read without the cost of checking it; endless where there is none. */
function seqOf(line: string): number {
  const match = /^\{"seq":(\d+),/.exec(line);
  return match ? Number(match[1]) : Infinity;
}

function matches({ ts, key }: AuditRecord, query: AuditQuery): boolean {
  if (query.since !== undefined && Date.parse(ts) < query.since) return false;
  return query.key === undefined || key === query.key;
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
