import type { Instruments } from './instruments.ts';
import { driftClasses, type DriftClass } from './labels.ts';

/** Changes by others, and fights over them. */
export function driftMetrics(instruments: Instruments) {
  let readHeat = () => 0;
  const detected = instruments.counter('drift_detected_total');
  const seconds = instruments.histogram('drift_seconds');
  instruments.gauge('fight_heat_max', () => [{ labels: {}, value: readHeat() }]);
  return {
    /** Fields were found changed; JSON pointers into the managed view. Call once when they appear, not at every look. */
    detected(paths: readonly string[]): void {
      for (const path of paths) detected({ class: driftClassOf(path) });
    },
    /** Drift was put right, so long after it was noticed. */
    repaired: (afterSeconds: number) => seconds({}, afterSeconds),
    /** Read the heat of the hottest field at every scrape. */
    followHeat(read: () => number): void {
      readHeat = read;
    },
  };
}

/** The part of an instance that a JSON pointer into the managed view leads to. */
function driftClassOf(path: string): DriftClass {
  const part = path.split('/', 2)[1];
  return driftClasses.find((known) => known === part) ?? 'other';
}
