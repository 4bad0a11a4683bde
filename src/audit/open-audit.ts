import { ChainLog, type ChainLogOptions } from './chain-log.ts';
import type { AuditEntry } from './record.ts';

/** What an {@link Audit} is made from. */
export type AuditOptions = Pick<ChainLogOptions<AuditEntry>, 'dir' | 'clock' | 'onDrop'> & {
  /** A file that has grown beyond this many bytes is followed by a new one. */
  readonly maxBytes?: number;
  /** Days after which a full file is removed. */
  readonly keepDays?: number;
};

/** The log of everything that was done to sandboxes. */
export type Audit = ChainLog<AuditEntry>;

/**
 * Go on with the log in a directory, or begin one.
 *
 * Never fails: a directory that cannot be written to drops records, and is tried again with the next one.
 */
export async function openAudit({ maxBytes = 8 * 2 ** 20, keepDays = 90, ...rest }: AuditOptions): Promise<Audit> {
  const noteOf = (why: string): AuditEntry => ({
    key: 'host/audit',
    kind: 'audit',
    phase: 'failed',
    why,
    actor: 'controller',
  });
  const audit = new ChainLog({ ...rest, maxBytes, keepDays: () => keepDays, noteOf });
  await audit.start();
  return audit;
}
