import { basename } from 'node:path';
import { breakBetween, readLine, type Head } from './chain.ts';
import { auditFiles } from './files.ts';
import { linesOf } from './read-chain.ts';

/** What a check of the chain found. */
export interface Verified {
  readonly ok: boolean;
  /** Records that were found good before the first bad one. */
  readonly records: number;
  readonly files: number;
  /** Where the chain breaks. Lines count from 1. */
  readonly firstBad?: { readonly file: string; readonly line: number; readonly reason: string };
}

/**
 * Check every line of the log and that each follows the one before it, across files. The oldest file may begin anywhere in
 * the chain, because older ones are removed by age.
 */
export async function verifyChain(dir: string): Promise<Verified> {
  const files = await auditFiles(dir);
  let head: Head | undefined;
  let records = 0;
  for (const path of files) {
    let line = 0;
    for (const text of await linesOf(path)) {
      line += 1;
      const record = readLine(text);
      const reason = 'bad' in record ? record.bad : head && breakBetween(head, record);
      if (reason !== undefined || 'bad' in record) {
        return {
          ok: false,
          records,
          files: files.length,
          firstBad: { file: basename(path), line, reason: reason ?? '' },
        };
      }
      head = record;
      records += 1;
    }
  }
  return { ok: true, records, files: files.length };
}
