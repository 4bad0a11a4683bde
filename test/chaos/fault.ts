import type { ChaosPlan } from './plan.ts';
import type { Stage } from './stage.ts';

/** What a fault acts with. */
export interface FaultContext {
  readonly stage: Stage;
  readonly plan: ChaosPlan;
  /** Of the plan's seed. */
  readonly random: () => number;
  /** Prefix of the sandboxes of this plan. */
  readonly prefix: string;
  /** To be called when the fault takes place. */
  readonly fire: () => void;
  /** What has to be put right when a phase does not converge by itself; run at most once. Whatever it throws fails the plan. */
  readonly onStuck: (heal: () => Promise<void>) => void;
  /** What has to be undone when the phase is over. */
  readonly onPhaseEnd: (undo: () => Promise<void>) => void;
  /** Work that goes on beside the workload; the plan waits for it at its end. */
  readonly beside: (work: Promise<unknown>) => void;
}

/** One way in which things go wrong. */
export interface Fault {
  readonly name: string;
  /** F1 … F16. */
  readonly class: string;
  readonly at: 'write' | 'read' | 'event' | 'phase';
  /** Workloads it makes sense for; all unless given. */
  readonly only?: readonly string[];
  /** Prepares the fault; it takes place at the plan's index. For `phase` it is called at that phase's beginning. */
  readonly arm: (context: FaultContext) => void | Promise<void>;
}

/** A whole number from `low` to `high`. */
export function between(random: () => number, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}
