import { afterAll, beforeAll, expect, test } from 'vitest';
import { isFull } from '../helpers/full.ts';
import { runPlan, type PlanResult } from './run-plan.ts';
import { recordReference, type Reference } from './run-workload.ts';
import { openStage, type Stage } from './stage.ts';
import { nextPrefix, workloadNamed } from './workloads.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ name: 'crash' });
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** All moments of one kind of call: before and after the first, the second, and so on. */
function moments(letter: 'w' | 'r' | 'p', many: number): string[] {
  return Array.from({ length: many }, (_, number) => `${letter}${number + 1}`);
}

async function crashAt(workload: string, reference: Reference, places: readonly (readonly [string, string])[]) {
  const results: PlanResult[] = [];
  for (const [number, [fault, index]] of places.entries()) {
    const plan = { workload, index, fault, seed: number };
    const result = await runPlan({ stage, plan, reference, prefix: nextPrefix(), isPatient: false });
    for (const problem of result.problems) console.log(`COI_CHAOS_PLAN=${result.plan}\n${problem}`);
    results.push(result);
  }
  const times = results.map(({ convergeMs }) => convergeMs);
  const fired = results.filter(({ hasFired }) => hasFired).length;
  console.log(`${workload}: ${results.length} crashes, ${fired} took place, longest way back ${Math.max(...times)} ms`);
  return results.filter(({ problems }) => problems.length > 0).map(({ plan }) => plan);
}

const workloads = isFull ? ['life', 'config', 'power', 'recreate', 'network', 'lifetime'] : ['life'];

test.for(workloads)('a controller killed around any call of %s takes up where it was', async (workload) => {
  const reference = await recordReference(stage, workloadNamed(workload), nextPrefix());
  const around = (letter: 'w' | 'r', many: number, suffix: string) =>
    moments(letter, many).flatMap((index) => [
      [`crash-before${suffix}`, index] as const,
      [`crash-after${suffix}`, index] as const,
    ]);
  const places = [...around('w', reference.writes, ''), ...around('r', reference.reads, '-read')];
  // Between two writes one moment is enough where time is short: a read changes nothing.
  const chosen = isFull ? places : places.filter(([fault]) => fault !== 'crash-after-read');
  expect(await crashAt(workload, reference, chosen)).toEqual([]);
});

test('a controller killed around any write of rules takes up where it was', async () => {
  const reference = await recordReference(stage, workloadNamed('network'), nextPrefix());
  const places = moments('p', reference.worlds.length).flatMap((index) => [
    ['crash-before-nft', index] as const,
    ['crash-after-nft', index] as const,
  ]);
  expect(await crashAt('network', reference, places)).toEqual([]);
});
