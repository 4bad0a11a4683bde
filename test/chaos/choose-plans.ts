import { isFull } from '../helpers/full.ts';
import { pick, seededRandom } from '../helpers/random.ts';
import { faults } from './faults.ts';
import type { Fault } from './fault.ts';
import type { ChaosPlan } from './plan.ts';
import type { Reference } from './run-workload.ts';
import { slowWorkloads, workloads, type Workload } from './workloads.ts';

/** Takes longer than the rest of a sample together: only in whole runs. */
const slowFaults = ['overdue', 'overdue-read'];

/** A plan whose index is not known yet: how far it is into the workload, from 0 to 1. */
export interface Sketch {
  readonly workload: Workload;
  readonly fault: Fault;
  readonly share: number;
  readonly seed: number;
}

/**
 * Plans by seed: every fault comes before any comes again, each time with another workload, moment and details.
 */
export function sketchPlans(count: number, seed: number): Sketch[] {
  const random = seededRandom(seed);
  const usable = faults.filter(({ name }) => isFull || !slowFaults.includes(name));
  const sketches: Sketch[] = [];
  while (sketches.length < count) {
    for (const fault of shuffled(usable, random)) {
      const isRare = slowFaults.includes(fault.name) && sketches.length > usable.length * 2;
      const fits = [...workloads, ...(isFull ? slowWorkloads : [])].filter(
        ({ name }) => fault.only?.includes(name) ?? true,
      );
      const sketch = { workload: pick(fits, random), fault, share: random(), seed: Math.floor(random() * 1e6) };
      if (!isRare && sketches.length < count) sketches.push(sketch);
    }
  }
  return sketches;
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

const letters = { write: 'w', read: 'r', event: 'e', phase: 'p' } as const;

/** The plan of a sketch, now that it is known how much there is to disturb. */
export function planFrom({ workload, fault, share, seed }: Sketch, reference: Reference): ChaosPlan {
  const counts = {
    write: reference.writes,
    read: reference.reads,
    event: reference.events,
    phase: workload.phases.length,
  };
  const index = `${letters[fault.at]}${1 + Math.floor(share * counts[fault.at])}`;
  return { workload: workload.name, index, fault: fault.name, seed };
}
