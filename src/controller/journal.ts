import type { Problem } from '../base/problem.ts';
import type { Step } from '../plan/step.ts';
import type { World } from '../plan/world.ts';

/** A step of one visit to a sandbox. */
export interface JournalEntry {
  readonly sandbox: string;
  readonly step: Step;
  readonly world: World;
  /** The same for all steps of one visit. */
  readonly reconcileId: string;
}

/** How a step ended. */
export type StepOutcome = { readonly kind: 'succeeded' } | { readonly kind: 'failed'; readonly problem: Problem };

/** Where steps are written down: audit log, metrics, log. Destructive steps wait until their beginning is on disk. */
export interface Journal {
  began(entry: JournalEntry): Promise<void>;
  ended(entry: JournalEntry, outcome: StepOutcome, durationMs: number): void;
  /** Something was thrown that is not a Problem: a defect of coi. */
  bug(key: string, error: unknown): void;
}
