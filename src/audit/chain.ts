import { createHash } from 'node:crypto';
import type { AuditEntry, AuditRecord } from './record.ts';

/** Stands for the hash before the first record of a chain. */
const firstHash = '0'.repeat(64);

/** The last link of a chain. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** Where a chain begins. */
export const noHead: Head = { seq: 0, hash: firstHash };

const hashField = /,"hash":"([0-9a-f]{64})"\}$/;

/**
 * The next line of a chain, without its newline, and its link. The hash covers the very bytes of the line, so that nobody
 * has to agree on a canonical form of JSON.
 */
export function chainLine(head: Head, ts: string, entry: AuditEntry): { readonly line: string; readonly head: Head } {
  const seq = head.seq + 1;
  const body = JSON.stringify({ seq, ts, ...entry, prevHash: head.hash });
  const hash = sha256(body);
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, head: { seq, hash } };
}

/** A record from its line, or what is wrong with the line by itself. */
export function readLine(line: string): AuditRecord | { readonly bad: string } {
  const hash = hashField.exec(line)?.[1];
  if (hash === undefined) return { bad: 'it is no complete record' };
  if (sha256(line.replace(hashField, '}')) !== hash) return { bad: 'its content does not match its hash' };
  try {
    return JSON.parse(line) as AuditRecord;
  } catch {
    // Somebody hashed something that is not JSON.
    return { bad: 'it is not JSON' };
  }
}

/** What is wrong with a record's place in the chain; undefined when it follows `head`. */
export function breakBetween(head: Head, { seq, prevHash }: AuditRecord): string | undefined {
  if (seq !== head.seq + 1) return `record ${seq} follows record ${head.seq}`;
  return prevHash === head.hash ? undefined : 'it does not carry on from the record before it';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
