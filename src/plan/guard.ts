import { renderDuration } from '../base/units.ts';
import type { Policy } from '../spec/sandbox.ts';
import type { PruneVerdict } from './world.ts';

/** How long a sandbox may be undeclared before it is deleted: long enough for a rename or a slow editor. */
export const pruneGraceMs = 10_000;

/** Complete reads that must agree that a sandbox is not declared. */
const readsNeeded = 2;

/** Deletions that a source may ask for at once: the larger of these. */
const smallDeletion = 3;
const largeShare = 0.2;

/** An owned sandbox that its source does not declare any more. */
export interface Missing {
  readonly name: string;
  /** When a complete read first lacked it, milliseconds since 1970. */
  readonly since: number;
  /** Complete reads that have lacked it in a row. */
  readonly reads: number;
  readonly deletion: Policy['deletion'];
}

/** One source, as far as pruning cares. */
export interface PruneInput {
  /** Result of the newest read; `message` says what is wrong where it is not complete. */
  readonly read: { readonly kind: 'complete' } | { readonly kind: 'partial' | 'failed'; readonly message: string };
  /** Whether the directory's sentinel was there: an unmounted directory has none. */
  readonly sentinel: boolean;
  /** How many existing sandboxes carry this source's stamp, the missing ones included. */
  readonly owned: number;
  readonly missing: readonly Missing[];
  /** Names whose deletion a person confirmed. */
  readonly confirmed: ReadonlySet<string>;
  readonly now: number;
}

/**
 * What may happen to each sandbox that its source no longer declares.
 *
 * Absence is only believed after two complete reads and a grace; many deletions at once, and the last of them, are held for
 * a person, because they look like a mistake: a wrong directory, an unmounted one, a bad merge.
 */
export function pruneVerdicts(input: PruneInput): Map<string, PruneVerdict> {
  const held = guardMessage(input);
  return new Map(input.missing.map((each) => [each.name, verdict(input, each, held)]));
}

function verdict(input: PruneInput, { name, since, reads, deletion }: Missing, held: string | undefined): PruneVerdict {
  if (input.read.kind !== 'complete') {
    return {
      kind: 'wait',
      reason: 'SourceIncomplete',
      message: `Its source could not be read in full: ${input.read.message}`,
    };
  }
  const until = since + pruneGraceMs;
  if (reads < readsNeeded || input.now < until) {
    const left = renderDuration(Math.max(1_000, until - input.now));
    return { kind: 'wait', reason: 'Grace', message: `It is not declared any more and is deleted in ${left}`, until };
  }
  if (input.confirmed.has(name)) return { kind: 'allowed' };
  if (deletion === 'confirm') {
    const message = 'It is not declared any more and its policy.deletion is "confirm"';
    return { kind: 'held', reason: 'NeedsConfirm', message };
  }
  return held === undefined ? { kind: 'allowed' } : { kind: 'held', reason: 'Guarded', message: held };
}

function guardMessage({ missing, owned, sentinel, confirmed }: PruneInput): string | undefined {
  const doomed = missing.filter(({ name, deletion }) => isDeletable(deletion) && !confirmed.has(name)).length;
  const limit = Math.max(smallDeletion, Math.floor(owned * largeShare));
  if (doomed > limit)
    return `${doomed} of ${owned} sandboxes of this source would be deleted at once; ${limit} are allowed`;
  if (doomed === owned && doomed > 0 && !sentinel) {
    return 'All sandboxes of this source would be deleted, and its directory has no .coi-source file: is it mounted?';
  }
  return undefined;
}

function isDeletable(deletion: Policy['deletion']): boolean {
  return deletion === 'delete' || deletion === 'confirm';
}

/** Names that wait for `coi apply --confirm-deletes N`; N must be their number. */
export function heldNames(verdicts: ReadonlyMap<string, PruneVerdict>): string[] {
  return [...verdicts]
    .filter(([, { kind }]) => kind === 'held')
    .map(([name]) => name)
    .sort();
}
