import type { Instruments } from './instruments.ts';

/** Counters that the audit log keeps itself. */
export interface FollowedAudit {
  readonly counts: { readonly written: number; readonly dropped: number };
}

/** Whether the audit log takes everything it is given. */
export function auditMetrics(instruments: Instruments) {
  let audit: FollowedAudit | undefined;
  instruments.followedCounter('audit_records_total', () => [{ labels: {}, value: audit?.counts.written ?? 0 }]);
  instruments.followedCounter('audit_dropped_total', () => [{ labels: {}, value: audit?.counts.dropped ?? 0 }]);
  return {
    /** Read the counters of this audit log from now on. */
    follow(followed: FollowedAudit): void {
      audit = followed;
    },
  };
}
