import { createHash } from 'node:crypto';

/** Stands for the hash before the first record of a chain. */
const firstHash = '0'.repeat(64);

/** What every record of a chain has beside what it says. */
export interface Link {
  /** Counts from 1 and never leaves one out. */
  readonly seq: number;
  /** When it was written down, ISO 8601 in UTC. */
  readonly ts: string;
  /** Hash of the record before; 64 zeros at the beginning of a chain. */
  readonly prevHash: string;
  /** SHA-256 of the line without this field. */
  readonly hash: string;
}

/** The last link of a chain. */
export type Head = Pick<Link, 'seq' | 'hash'>;

/** Where a chain begins. */
export const noHead: Head = { seq: 0, hash: firstHash };

const hashField = /,"hash":"([0-9a-f]{64})"\}$/;

/**
 * The next line of a chain, without its newline, and its link. The hash covers the very bytes of the line, so that nobody
 * has to agree on a canonical form of JSON.
 */
export function chainLine(head: Head, ts: string, entry: object): { readonly line: string; readonly head: Head } {
  const seq = head.seq + 1;
  const body = JSON.stringify({ seq, ts, ...entry, prevHash: head.hash });
  const hash = sha256(body);
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, head: { seq, hash } };
}

/** A record from its line, or what is wrong with the line by itself. */
export function readLine(line: string): Link | { readonly bad: string } {
  const hash = hashField.exec(line)?.[1];
  if (hash === undefined) return { bad: 'it is no complete record' };
  if (sha256(line.replace(hashField, '}')) !== hash) return { bad: 'its content does not match its hash' };
  try {
    return JSON.parse(line) as Link;
  } catch {
    // Somebody hashed something that is not JSON.
    return { bad: 'it is not JSON' };
  }
}

/** Number of a line's record and when it was written down, without the cost of checking it; undefined where there is none. */
export function peekLine(line: string): { readonly seq: number; readonly ts: string } | undefined {
  const match = /^\{"seq":(\d+),"ts":"([^"]{1,40})"/.exec(line);
  return match ? { seq: Number(match[1]), ts: match[2]! } : undefined;
}

/** What is wrong with a record's place in the chain; undefined when it follows `head`. */
export function breakBetween(head: Head, { seq, prevHash }: Link): string | undefined {
  if (seq !== head.seq + 1) return `record ${seq} follows record ${head.seq}`;
  return prevHash === head.hash ? undefined : 'it does not carry on from the record before it';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
