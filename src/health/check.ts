import type { Sight } from './sight.ts';

/** `unknown`: this user may not see it. */
export type CheckStatus = 'ok' | 'warning' | 'failed' | 'unknown';

/** Headings that checks stand under, in the order in which they are shown. */
export const groups = [
  'SYSTEM',
  'CRITICAL',
  'NETWORKING',
  'NEIGHBOURS',
  'MONITORING',
  'STORAGE',
  'CONFIGURATION',
  'STATUS',
  'OPTIONAL',
  'OTHER',
] as const;
export type CheckGroup = (typeof groups)[number];

/** What a check found. */
export interface Finding {
  readonly status: CheckStatus;
  /** What is so, in a sentence without a full stop; a problem names what is in conflict with what. */
  readonly message: string;
  /** Commands that put it right, as they stand; lines that begin with `#` are for people. */
  readonly fix?: readonly string[];
  /** More for whoever asks for it: text or JSON. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** One thing that can be right or wrong with this host. */
export interface HealthCheck {
  /** Stable: scripts look for it. */
  readonly name: string;
  readonly group: CheckGroup;
  /** Made only for whoever asks for more. */
  readonly isExtra?: true;
  /** Takes a sandbox of its own, and seconds: left out for whoever is in a hurry. */
  readonly isTried?: true;
  /**
   * Look. Reads and changes nothing.
   *
   * @throws {Problem} `health.not-root` where only root can tell; any other problem counts as failed
   */
  readonly look: (sight: Sight) => Promise<Finding>;
}

export function ok(message: string, details?: Finding['details']): Finding {
  return { status: 'ok', message, ...(details && { details }) };
}

/** It cannot be seen, and that is told elsewhere or nobody's fault. */
export function unknown(message: string): Finding {
  return { status: 'unknown', message };
}

/** Something works less well than it should. */
export function warning(message: string, fix: readonly string[], details?: Finding['details']): Finding {
  return { status: 'warning', message, fix, ...(details && { details }) };
}

/** Something does not work at all, or is not safe. */
export function failed(message: string, fix: readonly string[], details?: Finding['details']): Finding {
  return { status: 'failed', message, fix, ...(details && { details }) };
}
