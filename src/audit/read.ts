import type { Clock } from '../base/clock.ts';
import { followChain, readChain, type ChainQuery } from './read-chain.ts';
import type { AuditEntry, AuditRecord } from './record.ts';

/** Which records of the audit log to read. */
export interface AuditQuery extends Omit<ChainQuery<AuditEntry>, 'accepts'> {
  /** Only what is about this key. */
  readonly key?: string;
}

/**
 * Records in the order in which they were written. Lines that cannot be read are left out: `verifyChain` finds those.
 * No directory reads as no records.
 */
export function readAudit(query: AuditQuery): Promise<AuditRecord[]> {
  return readChain(chainQuery(query));
}

/**
 * Records as they come, beginning with those that are there, until the signal aborts.
 *
 * @throws the signal's reason
 */
export function followAudit(
  query: AuditQuery & { readonly clock: Clock; readonly signal: AbortSignal },
): AsyncGenerator<AuditRecord> {
  const { clock, signal } = query;
  return followChain({ ...chainQuery(query), clock, signal });
}

function chainQuery({ key, ...query }: AuditQuery): ChainQuery<AuditEntry> {
  return key === undefined ? query : { ...query, accepts: (record) => record.key === key };
}
