import type { Link } from './chain.ts';

/** How far a step is. */
type AuditPhase = 'planned' | 'started' | 'succeeded' | 'failed' | 'blocked' | 'skipped';

/** What happened, as the caller knows it. Secrets never enter: values that could be one are keyed hashes before they get here. */
export interface AuditEntry {
  /** The same for all steps of one visit. */
  readonly reconcileId?: string;
  readonly stepId?: string;
  /** What it is about, as the queue names it: `sandbox/web`, `host/network`. */
  readonly key: string;
  /** Of the instance. */
  readonly uid?: string;
  readonly generation?: number;
  /** Kind of step, or of another event, such as `override`. */
  readonly kind: string;
  readonly phase: AuditPhase;
  readonly why: string;
  /** Hash of the manifest that was carried out last, and of the one that is wanted. */
  readonly specHash?: { readonly before?: string; readonly after?: string };
  /** `controller` or `cli:USER`. */
  readonly actor: string;
  readonly source?: { readonly id: string; readonly revision?: string; readonly file?: string };
  /** Code of the problem where the phase is `failed` or `blocked`. */
  readonly errorClass?: string;
  readonly durationMs?: number;
  /** Change of the managed view, RFC 6902. */
  readonly patch?: readonly unknown[];
}

/** A line of the audit log. */
export type AuditRecord = AuditEntry & Link;
