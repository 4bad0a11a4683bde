import type { Instruments } from './instruments.ts';
import type { ControllerName, ReconcileResult, StepKind, StepOutcome } from './labels.ts';

/** One visit to a key. */
export interface VisitSample {
  readonly controller: ControllerName;
  readonly result: ReconcileResult;
  readonly seconds: number;
}

/** One step of a plan. */
export interface StepSample {
  readonly kind: StepKind;
  readonly outcome: StepOutcome;
  readonly seconds: number;
}

/** What the loop does: visits, steps, defects. */
export function reconcileMetrics(instruments: Instruments) {
  const visits = instruments.counter('reconcile_total');
  const visitSeconds = instruments.histogram('reconcile_duration_seconds');
  const steps = instruments.counter('steps_total');
  const stepSeconds = instruments.histogram('step_duration_seconds');
  const bugs = instruments.counter('bugs_total');
  return {
    visits: {
      observe({ controller, result, seconds }: VisitSample): void {
        visits({ controller, result });
        visitSeconds({ controller }, seconds);
      },
    },
    steps: {
      observe({ kind, outcome, seconds }: StepSample): void {
        steps({ kind, outcome });
        stepSeconds({ kind }, seconds);
      },
    },
    /** A defect of coi was caught. */
    bug: () => bugs({}),
  };
}
