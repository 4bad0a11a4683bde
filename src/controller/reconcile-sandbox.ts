import { ulid } from 'ulid';
import type { Hands } from '../apply/hands.ts';
import { runStep } from '../apply/run-step.ts';
import { messageOf, Problem } from '../base/problem.ts';
import { plan as planSandbox } from '../plan/plan.ts';
import { statePath } from '../plan/power.ts';
import type { Plan, Step } from '../plan/step.ts';
import type { World } from '../plan/world.ts';
import type { Fights } from './fights.ts';
import type { Journal } from './journal.ts';
import type { QueueResult } from './queue.ts';
import type { Sandboxes } from './sandboxes.ts';
import type { WorldBuilder } from './world-builder.ts';

/** More steps in one visit than any way from one state to another has: beyond it something goes round in circles. */
const mostSteps = 25;

/**
 * Fresh looks in one visit that a changing world may ask for before the key waits like any that failed. A key that has
 * failed already gets them only once a step of the visit succeeded: a write that never comes in time is no race.
 */
const mostConflicts = 5;

/** How long one step may take, in milliseconds. Creating unpacks an image and sessions are copied; the rest is quick. */
const stepDeadlineMs = 120_000;
const longDeadlineMs = 900_000;
const longSteps = new Set<Step['action']['kind']>(['create', 'save', 'restore', 'agent']);

/** Asked again after this many milliseconds when no event says that what it waits for has come. */
const waitingLookMs = 2_000;
const workspaceLookMs = 5_000;

/** What looking after one sandbox needs. */
export interface ReconcilerInit {
  readonly worlds: Pick<WorldBuilder, 'cached' | 'fresh' | 'isDoubted'>;
  readonly sandboxes: Sandboxes;
  readonly hands: Hands;
  readonly fights: Fights;
  readonly journal: Journal;
  /** Whether an incomplete look (Incus not listed yet, sources not read) forbids concluding anything. */
  readonly isObserved: () => boolean;
  /** Whether the last visit to a sandbox failed. */
  readonly hasFailed: (sandbox: string) => boolean;
}

interface Visit {
  readonly name: string;
  readonly reconcileId: string;
  readonly signal: AbortSignal;
}

/** Brings one sandbox in line with what is desired: look, decide, one step, look again. */
export class SandboxReconciler {
  readonly #init: ReconcilerInit;

  constructor(init: ReconcilerInit) {
    this.#init = init;
  }

  /** One visit. Never throws for what goes wrong with this sandbox. */
  async reconcile(name: string, signal: AbortSignal): Promise<QueueResult> {
    if (!this.#init.isObserved()) return { kind: 'waiting', afterMs: waitingLookMs };
    const world = this.#init.worlds.cached(name);
    const plan = planSandbox(world);
    // A sweep over many sandboxes costs no request as long as there is nothing to do.
    if (plan.steps.length === 0 && !plan.block && !this.#init.worlds.isDoubted(name)) return this.#settle(world, plan);
    return this.#converge({ name, reconcileId: ulid(), signal });
  }

  async #converge(visit: Visit): Promise<QueueResult> {
    let conflicts = 0;
    let mayLookAgain = !this.#init.hasFailed(visit.name);
    for (let count = 0; count < mostSteps; count += 1) {
      const look = await this.#look(visit);
      if ('kind' in look) return look;
      const [step] = look.plan.steps;
      if (!step) return this.#settle(look.world, look.plan);
      const problem = await this.#carryOut(visit, look.world, step);
      if (!problem && isLong(step)) return { kind: 'yielded' };
      mayLookAgain ||= !problem;
      if (!problem) continue;
      if (problem.retry === 'conflict' && mayLookAgain && ++conflicts <= mostConflicts) continue;
      this.#init.sandboxes.record({ ...look, failure: problem, failedStep: step.action.kind });
      return problem.retry === 'never' ? { kind: 'stalled' } : { kind: 'failed' };
    }
    this.#init.journal.bug(`sandbox/${visit.name}`, new Error(`no end after ${mostSteps} steps`));
    return { kind: 'failed' };
  }

  async #look({ name, signal }: Visit): Promise<{ world: World; plan: Plan } | QueueResult> {
    try {
      const world = await this.#init.worlds.fresh(name, signal);
      const plan = planSandbox(world);
      this.#init.sandboxes.record({ world, plan });
      return { world, plan };
    } catch (error) {
      const world = this.#init.worlds.cached(name);
      this.#init.sandboxes.record({ world, plan: planSandbox(world), failure: this.#asProblem(name, error) });
      return { kind: 'failed' };
    }
  }

  #settle(world: World, plan: Plan): QueueResult {
    this.#init.sandboxes.record({ world, plan });
    const waitMs = waitBefore(plan.block);
    const nextMs = plan.nextLookAt === undefined ? undefined : Math.max(0, plan.nextLookAt - world.now);
    const afterMs = Math.min(waitMs ?? Infinity, nextMs ?? Infinity);
    // What waits is neither done nor failed: a creation that fails each time would begin anew after each wait.
    if (waitMs !== undefined && !plan.block?.stalled) return { kind: 'waiting', afterMs };
    const kind = plan.block?.stalled ? 'stalled' : 'settled';
    return afterMs === Infinity ? { kind } : { kind, afterMs };
  }

  async #carryOut({ name, reconcileId, signal }: Visit, world: World, step: Step): Promise<Problem | undefined> {
    const { hands, journal, fights } = this.#init;
    const entry = { sandbox: name, step, world, reconcileId };
    const began = hands.clock.monotonic();
    const deadlineMs = longSteps.has(step.action.kind) ? longDeadlineMs : stepDeadlineMs;
    let problem: Problem | undefined;
    try {
      await journal.began(entry);
      const stepSignal = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
      await runStep({ sandbox: name, step, hands, signal: stepSignal });
      for (const path of repairedPaths(step, world)) fights.record(name, path, hands.clock.monotonic());
    } catch (error) {
      problem = this.#asProblem(name, error);
    }
    const outcome = problem ? ({ kind: 'failed', problem } as const) : ({ kind: 'succeeded' } as const);
    journal.ended(entry, outcome, hands.clock.monotonic() - began);
    return problem;
  }

  #asProblem(name: string, error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (this.#init.hands.lifetime.aborted) {
      return new Problem({ code: 'controller.ending', message: 'The controller ends', retry: 'backoff', cause: error });
    }
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      return new Problem({ code: 'step.deadline', message: 'The step took too long', retry: 'backoff', cause: error });
    }
    this.#init.journal.bug(`sandbox/${name}`, error);
    return new Problem({
      code: 'coi.bug',
      message: `A defect of coi: ${messageOf(error)}`,
      retry: 'backoff',
      cause: error,
    });
  }
}

/**
 * Steps after which others get their turn, so that many files dropped at once are taken up step by step: their rules
 * are loaded together, and all of them run before the first one is written up.
 */
function isLong({ action }: Step): boolean {
  return action.kind === 'reserve' || action.kind === 'create';
}

/** When to look again at what nobody tells of: a workspace is made or mended by people, without an event. */
function waitBefore(block: Plan['block']): number | undefined {
  if (block?.reason.startsWith('Waiting')) return waitingLookMs;
  return block?.reason === 'InvalidWorkspace' ? workspaceLookMs : undefined;
}

/**
 * Fields that a step puts right, for noticing that somebody else keeps changing them. What a new manifest wants to run has
 * been stopped by nobody: who comes back to a session again and again is in nobody's way.
 */
function repairedPaths({ action, patch }: Step, { desired, instance }: World): string[] {
  if (action.kind === 'update') return patch.map(({ path }) => path);
  const isRise = action.kind === 'power' && (action.to === 'start' || action.to === 'unfreeze');
  const isNew = desired.kind === 'declared' && desired.manifest.hash !== instance?.stamp.hash;
  return isRise && !isNew ? [statePath] : [];
}
