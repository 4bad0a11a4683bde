import { seededRandom } from '../helpers/random.ts';
import { faultNamed } from './faults.ts';
import type { FaultContext } from './fault.ts';
import { planText, type ChaosPlan } from './plan.ts';
import { converge, declare, revive, type Reference } from './run-workload.ts';
import { untilQuiet, type Stage } from './stage.ts';
import { workloadNamed } from './workloads.ts';

/** How one plan ended. */
export interface PlanResult {
  readonly plan: string;
  readonly faultClass: string;
  /** Whether the fault took place: a disturbed run may never come to the call it waits for. */
  readonly hasFired: boolean;
  /** Longest time from the fault, or from the phase after it, until the world was as it should be, in milliseconds. */
  readonly convergeMs: number;
  readonly totalMs: number;
  /** Calls to Incus, and of them writes. */
  readonly calls: number;
  readonly writes: number;
  /** What went wrong; empty for a good run. */
  readonly problems: readonly string[];
}

export interface PlanRun {
  readonly stage: Stage;
  readonly plan: ChaosPlan;
  readonly reference: Reference;
  readonly prefix: string;
  readonly isPatient: boolean;
}

/** So long a person waits before putting right what only a person can, in milliseconds. */
const stuckMs = 2_000;

interface Course {
  firedAt: number | undefined;
  slowestMs: number;
  heal: { readonly since: number; readonly act: () => Promise<void> } | undefined;
  undo: (() => Promise<void>)[];
  readonly beside: Promise<unknown>[];
  readonly problems: string[];
}

/** Runs one plan: the workload with its fault, the world compared after each phase with the run without. */
export async function runPlan(run: PlanRun): Promise<PlanResult> {
  const { stage, plan } = run;
  const began = performance.now();
  const fault = faultNamed(plan.fault);
  const course: Course = { firedAt: undefined, slowestMs: 0, heal: undefined, undo: [], beside: [], problems: [] };
  const context = contextOf(run, course);
  const before = stage.sampler.unprotected.length;
  await revive(stage);
  stage.proxy.reset();
  if (fault.at !== 'phase') await fault.arm(context);
  await runPhases(run, course, context);
  await Promise.all(course.beside);
  await healOnce(course);
  course.problems.push(...stage.sampler.unprotected.slice(before).map((each) => `unprotected: ${each}`));
  const foreign = await stage.foreignChanges();
  if (foreign !== '') course.problems.push(`somebody else's things were changed:\n${foreign}`);
  const { calls } = stage.proxy;
  return {
    plan: planText(plan),
    faultClass: fault.class,
    hasFired: course.firedAt !== undefined,
    convergeMs: Math.round(course.slowestMs),
    totalMs: Math.round(performance.now() - began),
    calls: calls.length,
    writes: calls.filter(({ isWrite }) => isWrite).length,
    problems: course.problems,
  };
}

function contextOf({ stage, plan, prefix }: PlanRun, course: Course): FaultContext {
  return {
    stage,
    plan,
    prefix,
    random: seededRandom(plan.seed),
    fire: () => (course.firedAt ??= performance.now()),
    onStuck: (act) => (course.heal = { since: performance.now(), act }),
    onPhaseEnd: (undo) => course.undo.push(undo),
    beside: (work) => course.beside.push(work),
  };
}

async function runPhases(run: PlanRun, course: Course, context: FaultContext): Promise<void> {
  const { stage, plan, reference, prefix, isPatient } = run;
  const fault = faultNamed(plan.fault);
  for (const [number, phase] of workloadNamed(plan.workload).phases.entries()) {
    const phaseBegan = performance.now();
    await declare(stage, phase, prefix);
    if (fault.at === 'phase' && plan.index === `p${number + 1}`) await fault.arm(context);
    const onStuck = () => healOnce(course, stuckMs);
    const difference = await converge({ stage, expected: reference.worlds[number]!, isPatient, onStuck });
    // Only now is it certain that what goes on beside has not changed the world again.
    if (difference === '' && course.beside.length > 0) await settleBeside(run, course, number);
    if (course.firedAt !== undefined) {
      course.slowestMs = Math.max(course.slowestMs, performance.now() - Math.max(phaseBegan, course.firedAt));
    }
    for (const undo of course.undo.splice(0)) await undo();
    if (difference === '') continue;
    const log = stage.controller.log.slice(-5_000);
    course.problems.push(`phase ${number + 1} did not converge:\n${difference}\n${log}`);
    return;
  }
}

/** A fault that comes late undoes what converged: the phase counts once both are over. */
async function settleBeside({ stage, reference, isPatient }: PlanRun, course: Course, number: number): Promise<void> {
  await Promise.all(course.beside.splice(0));
  await stage.kick();
  const onStuck = () => healOnce(course, stuckMs);
  const difference = await converge({ stage, expected: reference.worlds[number]!, isPatient, onStuck });
  if (difference !== '')
    course.problems.push(`phase ${number + 1} did not stay:\n${difference}\n${stage.controller.log.slice(-5_000)}`);
}

/** Puts right what only a person can, once it has been there for a while and the controller had time to err. */
async function healOnce(course: Course, notBeforeMs = 0): Promise<void> {
  const { heal } = course;
  if (!heal || performance.now() - heal.since < notBeforeMs) return;
  course.heal = undefined;
  try {
    await heal.act();
  } catch (error) {
    course.problems.push(String(error));
  }
}

/** Calls that a controller makes although nothing is left to do, within `forMs`. */
export async function callsWhenSettled(stage: Stage, forMs: number): Promise<{ calls: number; writes: number }> {
  await untilQuiet(stage);
  stage.proxy.reset();
  await new Promise((resolve) => setTimeout(resolve, forMs));
  const { calls } = stage.proxy;
  return { calls: calls.length, writes: calls.filter(({ isWrite }) => isWrite).length };
}
