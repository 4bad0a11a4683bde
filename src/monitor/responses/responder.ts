import { randomUUID } from 'node:crypto';
import { backoffMs, type Backoff } from '../../base/backoff.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { openDeadline } from '../../base/deadline.ts';
import { messageOf } from '../../base/problem.ts';
import { freezeGroup, isGroupFrozen, thawGroup, untilStill } from '../../host/cgroup/freezer.ts';
import { isAlive, type HostProcess } from '../../host/process/container-process.ts';
import type { Override } from '../../plan/override.ts';
import type { Match, Outcome, Response } from '../detection.ts';
import type { DetectionEntry, DetectionSink } from '../detection-sink.ts';
import type { Evidence } from '../evidence.ts';
import type { WatchedContainer } from '../sensor.ts';
import { heldBy, isLeftFrozen, monitorActor } from './held.ts';

/** How long a container may take to stand still before what it is doing is looked at anyway, in milliseconds. */
const stillMs = 1_000;

/** Why a sandbox is held that was frozen before anybody could write down why. */
const leftFrozen = 'the kernel had it frozen and nothing said why: coi ended while a rule froze it';

/** Between tries of what failed. */
const retryBackoff: Backoff = { baseMs: 100, capMs: 5_000, jitter: 0.2 };

/** What responses change, and whom they tell. */
export interface ResponderInit {
  readonly clock: Clock;
  readonly sink: DetectionSink;
  /** Every line that is written, also to the sink. */
  readonly onEntry: (entry: DetectionEntry) => void;
  readonly overrides: {
    readonly of: (sandbox: string) => readonly Override[];
    /** In force at once, before it resolves; resolves with why it could not be written. */
    readonly hold: (sandbox: string, override: Override) => Promise<unknown>;
  };
  /** Have what is declared of a sandbox carried out, before all others. */
  readonly hint: (sandbox: string) => void;
  /** State of an instance as Incus last told it; undefined while it is not known. */
  readonly stateOf: (instance: string) => string | undefined;
  /** Whether a manifest says that it is to stand still. */
  readonly isMeantFrozen: (sandbox: string) => boolean;
  /** Have a session that is not kept saved and deleted. @returns false where the sandbox is no such session */
  readonly bury: (sandbox: string) => Promise<boolean>;
  /** Note in the audit log that a sandbox is held. */
  readonly audit: (sandbox: string, why: string) => void;
  readonly evidence: (container: WatchedContainer, signal: AbortSignal) => Promise<Evidence>;
  readonly onProblem: (error: unknown) => void;
  readonly lifetime: AbortSignal;
}

/** What is done about a detection. */
interface Task {
  readonly container: WatchedContainer;
  readonly match: Match;
}

/** How a sandbox is held, and why: on the override, and for the audit log. */
interface Hold {
  readonly reason: string;
  readonly why: string;
  readonly state?: 'frozen' | 'stopped';
}

/** Carries out what follows from detections: a change of what is desired, and for a freeze the kernel at once. */
export class Responder {
  readonly #init: ResponderInit;
  /** What was frozen here, by uid: Incus may not know of it. */
  readonly #frozen = new Map<string, HostProcess>();
  /** Those that are being ended, by uid. */
  readonly #ending = new Set<string>();
  /** Responses that go on. */
  readonly #working = new Set<Promise<void>>();

  constructor(init: ResponderInit) {
    this.#init = init;
  }

  /** Returns when a freeze is in force as far as the kernel can be told; what takes longer goes on. Never throws. */
  respond(response: Response, task: Task): void {
    const { container, match } = task;
    const held = heldBy(this.#init.overrides.of(container.name), this.#isStill(container));
    const goesOn = response === 'kill' && held === 'frozen' && !this.#ending.has(container.uid);
    if (held !== 'no' && held !== 'isolated' && !goesOn) return this.#write(task, 'logged (already paused)');
    switch (response) {
      case 'log':
        return this.#write(task, 'logged');
      case 'alert':
        return this.#write(task, 'alerted');
      case 'network':
        if (held === 'isolated') return this.#write(task, 'logged');
        return this.#work(this.#isolate(container, match));
      case 'freeze':
        return this.#work(this.#halt(task, response));
      case 'kill':
        this.#ending.add(container.uid);
        return this.#work(this.#halt(task, response).finally(() => this.#ending.delete(container.uid)));
    }
  }

  /**
   * A sandbox with an init that was not known: one that is held has not to run for as long as Incus takes to freeze it. One
   * that stands still and nobody says why is held from now on, so that everybody can see it, and lift it.
   */
  risen(container: WatchedContainer): void {
    const { uid, name, init } = container;
    if (!init) return;
    const overrides = this.#init.overrides.of(name);
    const isHeld = overrides.some(({ kind, state }) => kind === 'quarantine' && state !== undefined);
    try {
      if (!isHeld && !this.#isLeftFrozen(container, init)) return;
      freezeGroup(init);
      this.#frozen.set(uid, init);
      if (!isHeld)
        this.#work(this.#hold(container, { reason: leftFrozen, why: `found frozen: ${leftFrozen}`, state: 'frozen' }));
    } catch (error) {
      this.#init.onProblem(error);
    }
    this.#init.hint(name);
  }

  #isLeftFrozen({ name, instance }: WatchedContainer, init: HostProcess): boolean {
    const { overrides, stateOf, isMeantFrozen } = this.#init;
    if (isMeantFrozen(name)) return false;
    return isLeftFrozen({
      overrides: overrides.of(name),
      power: stateOf(instance),
      isGroupFrozen: isGroupFrozen(init),
    });
  }

  /**
   * Nothing holds a sandbox any more: let go on what only the kernel knows to be frozen. What Incus has frozen is thawed by
   * whoever carries out what is desired.
   */
  letGo({ uid, name, instance }: Pick<WatchedContainer, 'uid' | 'name' | 'instance'>): void {
    const init = this.#frozen.get(uid);
    const { overrides, stateOf, isMeantFrozen } = this.#init;
    const isHeld = overrides.of(name).some(({ state }) => state !== undefined && state !== 'running');
    // While Incus has it frozen it is not ours to thaw, and may be once more: what Incus last told may be old.
    if (!init || isHeld || isMeantFrozen(name) || stateOf(instance) === 'frozen') return;
    this.#frozen.delete(uid);
    try {
      if (isGroupFrozen(init)) thawGroup(init);
    } catch (error) {
      this.#init.onProblem(error);
    }
  }

  /** Incus alone is not asked: what it last told is old for a moment after every thaw, and whoever waited for that acts then. */
  #isStill({ instance, init }: WatchedContainer): boolean {
    if (this.#init.stateOf(instance) !== 'frozen') return false;
    try {
      return !init || isGroupFrozen(init);
    } catch (error) {
      this.#init.onProblem(error);
      return false;
    }
  }

  /** Forget what has ended. */
  tidy(): void {
    for (const [uid, init] of this.#frozen) if (!isAlive(init)) this.#frozen.delete(uid);
  }

  /** Resolves when nothing is under way any more. */
  async ended(): Promise<void> {
    await Promise.all(this.#working);
  }

  #work(work: Promise<void>): void {
    const own = work.catch(this.#init.onProblem).finally(() => this.#working.delete(own));
    this.#working.add(own);
  }

  async #isolate(container: WatchedContainer, match: Match): Promise<void> {
    await this.#hold(container, byRule(match));
    this.#write({ container, match }, 'isolated');
  }

  /** Synchronous up to the first wait: by then it stands still, or is held as far as the loop is concerned. */
  async #halt(task: Task, response: 'freeze' | 'kill'): Promise<void> {
    const { container, match } = task;
    const failure = this.#freeze(container);
    const holding = this.#hold(container, byRule(match, 'frozen'));
    const evidence = await this.#evidenceOf(container);
    await holding;
    if (failure !== undefined) {
      await this.#writeDurably(task, 'failed', { evidence, because: messageOf(failure) });
      await this.#freezeAgain(container);
    }
    const outcome = response === 'kill' ? 'killed' : 'paused';
    const isDone = response === 'kill' ? await this.#end(task) : true;
    if (isDone) await this.#writeDurably(task, outcome, failure === undefined ? { evidence } : {});
  }

  /** @returns why that failed */
  #freeze({ uid, init }: WatchedContainer): unknown {
    if (!init) return undefined;
    try {
      freezeGroup(init);
      this.#frozen.set(uid, init);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Until it is frozen, by whomever, has ended, or is not held any more. */
  async #freezeAgain(container: WatchedContainer): Promise<void> {
    const { clock, overrides, lifetime } = this.#init;
    const isHeld = () => overrides.of(container.name).some(({ kind, state }) => kind === 'quarantine' && state);
    for (let failures = 1; !lifetime.aborted && isHeld() && !this.#isStill(container); failures += 1) {
      await pause(clock, backoffMs(retryBackoff, failures, Math.random()), lifetime);
      if (this.#freeze(container) === undefined) return;
    }
  }

  async #evidenceOf(container: WatchedContainer): Promise<Evidence> {
    const { clock, lifetime, evidence } = this.#init;
    if (container.init && this.#frozen.has(container.uid)) {
      using deadline = openDeadline(clock, stillMs, lifetime);
      await untilStill(container.init, clock, deadline.signal).catch((error: unknown) => {
        if (!deadline.signal.aborted) this.#init.onProblem(error);
      });
    }
    return evidence(container, lifetime);
  }

  /** Have it ended, until that worked. @returns false when it is not held any more */
  async #end(task: Task): Promise<boolean> {
    const { clock, overrides, bury, lifetime } = this.#init;
    const { container, match } = task;
    for (let failures = 1; !lifetime.aborted; failures += 1) {
      const isHeld = overrides.of(container.name).some(({ kind }) => kind === 'quarantine');
      if (!isHeld) return false;
      try {
        if (!(await bury(container.name))) await this.#hold(container, byRule(match, 'stopped'));
        return true;
      } catch (error) {
        if (failures === 1) await this.#writeDurably(task, 'failed', { because: messageOf(error) });
        await pause(clock, backoffMs(retryBackoff, failures, Math.random()), lifetime);
      }
    }
    return false;
  }

  async #hold({ name }: WatchedContainer, { reason, why, state }: Hold): Promise<void> {
    const { clock, overrides, hint, audit, onProblem } = this.#init;
    const override = {
      kind: 'quarantine',
      reason,
      by: monitorActor,
      at: clock.now(),
      ...(state && { state }),
    } as const;
    const holding = overrides.hold(name, override);
    hint(name);
    audit(name, why);
    const problem = await holding;
    if (problem) onProblem(problem);
  }

  #write(task: Task, outcome: Outcome): void {
    const entry = this.#entry(task, outcome);
    this.#init.sink.append(entry);
    this.#init.onEntry(entry);
  }

  async #writeDurably(task: Task, outcome: Outcome, more: Pick<DetectionEntry, 'evidence' | 'because'>): Promise<void> {
    const entry = { ...this.#entry(task, outcome), ...more };
    this.#init.onEntry(entry);
    await this.#init.sink.appendDurable(entry).catch(this.#init.onProblem);
  }

  #entry({ container: { uid, name, instance }, match }: Task, outcome: Outcome): DetectionEntry {
    return { id: randomUUID(), uid, sandbox: name, instance, at: this.#init.clock.now(), match, outcome };
  }
}

/** Nothing that comes from inside: a reason is shown wherever people look. */
function byRule({ rule }: Match, state?: Hold['state']): Hold {
  const reason = `${rule.id}: ${rule.title}`;
  return { reason, why: `${wordOf(state)} by rule ${reason}`, ...(state && { state }) };
}

function wordOf(state: 'frozen' | 'stopped' | undefined): string {
  if (state === undefined) return 'cut off from the network';
  return state === 'frozen' ? 'frozen' : 'ended';
}
