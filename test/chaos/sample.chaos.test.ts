import { expect, test } from 'vitest';
import { sized } from '../helpers/full.ts';
import { seed } from '../helpers/random.ts';
import { planFrom, sketchPlans } from './choose-plans.ts';
import { parsePlan, type ChaosPlan } from './plan.ts';
import { figuresOf } from './figures.ts';
import { callsWhenSettled, runPlan, type PlanResult } from './run-plan.ts';
import { recordReference, type Reference } from './run-workload.ts';
import { openStage, type Stage } from './stage.ts';
import { workloadNamed } from './workloads.ts';

/** Runs plans one after the other; a stage on which one went wrong is not used again. */
class Runner implements AsyncDisposable {
  readonly results: PlanResult[] = [];
  readonly #references = new Map<string, Reference>();
  #stage: Stage | undefined;
  #count = 0;

  async run(workload: string, planOf: (reference: Reference) => ChaosPlan, isPatient = false): Promise<PlanResult> {
    this.#stage ??= await openStage();
    const reference = await this.#reference(workload);
    const prefix = `p${(this.#count += 1)}-`;
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
    const reference = await recordReference(this.#stage!, workloadNamed(name), `p${(this.#count += 1)}-`);
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

async function replay(runner: Runner, text: string): Promise<void> {
  const plan = parsePlan(text);
  const result = await runner.run(plan.workload, () => plan);
  console.log(JSON.stringify(result, null, 1), runner.stage?.controller.log);
}

async function runSample(runner: Runner): Promise<void> {
  for (const [number, sketch] of sketchPlans(sized(40, 500), seed).entries()) {
    // Some are left to the controller's own timers.
    const isPatient = number % 20 === 7;
    const result = await runner.run(sketch.workload.name, (reference) => planFrom(sketch, reference), isPatient);
    if (process.env['COI_CHAOS_VERBOSE']) console.log(JSON.stringify(result));
    tell(result);
  }
}

test('every plan ends as the same workload without a fault', async () => {
  await using runner = new Runner();
  const replayed = process.env['COI_CHAOS_PLAN'];
  await (replayed === undefined ? runSample(runner) : replay(runner, replayed));
  console.log(figuresOf(runner.results, seed));
  expect(runner.results.filter(({ problems }) => problems.length > 0).map(({ plan }) => plan)).toEqual([]);
});
