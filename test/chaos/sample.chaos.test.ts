import { expect, test } from 'vitest';
import { sized } from '../helpers/full.ts';
import { seed } from '../helpers/random.ts';
import { planFrom, sketchPlans, type Sketch } from './choose-plans.ts';
import { parsePlan, type ChaosPlan } from './plan.ts';
import { figuresOf } from './figures.ts';
import { callsWhenSettled, runPlan, type PlanResult } from './run-plan.ts';
import { recordReference, type Reference } from './run-workload.ts';
import { openStage, type Stage } from './stage.ts';
import { nextPrefix, workloadNamed } from './workloads.ts';

/** Runs plans one after the other; a stage on which one went wrong is not used again. */
class Runner implements AsyncDisposable {
  readonly results: PlanResult[] = [];
  readonly #references = new Map<string, Reference>();
  #stage: Stage | undefined;

  async run(workload: string, planOf: (reference: Reference) => ChaosPlan, isPatient = false): Promise<PlanResult> {
    this.#stage ??= await openStage();
    const reference = await this.#reference(workload);
    const prefix = nextPrefix();
    const plan = planOf(reference);
    const result = await runPlan({ stage: this.#stage, plan, reference, prefix, isPatient });
    const checked = result.problems.length > 0 ? result : await this.#checkBudget(result);
    this.results.push(checked);
    if (checked.problems.length > 0) await this.#close();
    return checked;
  }

  async #reference(name: string): Promise<Reference> {
    const known = this.#references.get(name);
    if (known) return known;
    const reference = await recordReference(this.#stage!, workloadNamed(name), nextPrefix());
    this.#references.set(name, reference);
    return reference;
  }

  /** Every tenth plan is watched for a while after its end: nothing is left to do, so next to nothing may be asked. */
  async #checkBudget(result: PlanResult): Promise<PlanResult> {
    if (this.results.length % 10 !== 9) return result;
    const { calls, writes } = await callsWhenSettled(this.#stage!, 1_000);
    if (writes === 0 && calls <= 20) return result;
    return { ...result, problems: [`${calls} calls, ${writes} of them writes, in a second with nothing to do`] };
  }

  async #close(): Promise<void> {
    await this.#stage?.[Symbol.asyncDispose]();
    this.#stage = undefined;
  }

  get stage(): Stage | undefined {
    return this.#stage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** All problems of a plan that went wrong, with what it takes to see it again. */
function tell({ plan, problems }: PlanResult): void {
  for (const problem of problems) console.log(`COI_CHAOS_PLAN=${plan}\n${problem}`);
}

async function replay(text: string): Promise<PlanResult[]> {
  await using runner = new Runner();
  const plan = parsePlan(text);
  const result = await runner.run(plan.workload, () => plan);
  console.log(JSON.stringify(result, null, 1), runner.stage?.controller.log);
  return runner.results;
}

/** Plans in this run: a fixed sample, at least 500 when the whole is asked for. */
const count = Number(process.env['COI_CHAOS_COUNT'] ?? sized(40, 500));

/** Stages side by side: while one waits for a container to stop, the other has the processor. */
const lanes = 2;

async function runSample(runner: Runner, work: Iterator<[number, Sketch]>): Promise<void> {
  for (let next = work.next(); next.done !== true; next = work.next()) {
    const [number, sketch] = next.value;
    // Some are left to the controller's own timers.
    const isPatient = number % 20 === 7;
    const result = await runner.run(sketch.workload.name, (reference) => planFrom(sketch, reference), isPatient);
    if (process.env['COI_CHAOS_VERBOSE']) console.log(JSON.stringify(result));
    tell(result);
  }
}

async function runLanes(): Promise<PlanResult[]> {
  const work = sketchPlans(count, seed).entries();
  const lane = async () => {
    await using runner = new Runner();
    await runSample(runner, work);
    return runner.results;
  };
  return (await Promise.all(Array.from({ length: lanes }, lane))).flat();
}

test('every plan ends as the same workload without a fault', async () => {
  const replayed = process.env['COI_CHAOS_PLAN'];
  const results = await (replayed === undefined ? runLanes() : replay(replayed));
  console.log(figuresOf(results, seed));
  expect(results.filter(({ problems }) => problems.length > 0).map(({ plan }) => plan)).toEqual([]);
});
