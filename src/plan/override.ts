import type { RunState } from '../spec/sandbox.ts';

/**
 * Something that outranks a manifest until somebody lifts it.
 *
 * `freeze` and `quarantine` hold a sandbox still, `expired` remembers that its lifetime is over (for the manifest with this
 * hash), `suspend` stops everything but security steps.
 */
export interface Override {
  readonly kind: 'freeze' | 'quarantine' | 'expired' | 'suspend';
  /** The most the sandbox may do; absent when the override says nothing about it. */
  readonly state?: RunState;
  /** Why, in the words of whoever set it. */
  readonly reason: string;
  /** Who set it: a user name, `controller`, or a rule. */
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When it ends by itself, milliseconds since 1970. */
  readonly until?: number;
  /** The manifest it speaks of, where another manifest voids it. */
  readonly hash?: string;
}

/** The overrides that still hold: not over, and about this manifest where they name one. */
export function activeOverrides(
  overrides: readonly Override[],
  manifestHash: string | undefined,
  now: number,
): Override[] {
  return overrides.filter(
    ({ until, hash }) => (until === undefined || until > now) && (hash === undefined || hash === manifestHash),
  );
}
