import { isDeepStrictEqual } from 'node:util';
import { backoffMs, type Backoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, Problem } from '../base/problem.ts';
import { planImage, type FailedBuild, type ImagePlan, type ImageReason } from '../plan/plan-image.ts';
import type { ScheduleCache } from '../plan/schedule.ts';
import type { ImageManifest } from '../spec/declared-image.ts';
import type { DesiredState } from './desired.ts';
import { imageKey, lacksImage, sandboxKey } from './hints.ts';
import type { ImageBuilder, ImageSeen } from './image-builder.ts';
import { comingText, type ImageRecord } from './image-record.ts';
import type { QueueResult, WorkQueue } from './queue.ts';
import type { Sandboxes } from './sandboxes.ts';
import { timeText } from './report.ts';

/** A build takes minutes, so tries that follow each other are far apart: a minute, doubling to six hours. */
const buildBackoff: Backoff = { baseMs: 60_000, capMs: 21_600_000, jitter: 0.2 };

/** What became of a build. */
export interface ImageBuildEvent {
  readonly manifest: ImageManifest;
  readonly phase: 'started' | 'succeeded' | 'failed';
  /** Why it is built. */
  readonly why: string;
  /** Milliseconds that it took; only at its end. */
  readonly tookMs?: number;
  readonly problem?: Problem;
}

/** Is told what happens to images. */
export interface ImageListeners {
  readonly onImageBuild: (event: ImageBuildEvent) => void;
  /** A line of a build. */
  readonly onImageLine: (image: string, line: string) => void;
  /** Something that is no fault of the world. */
  readonly onImageBug: (image: string, error: unknown) => void;
}

/** What looking after declared images needs. */
export interface ImageReconcilerInit {
  readonly queue: WorkQueue;
  readonly desired: Pick<DesiredState, 'images'>;
  readonly sandboxes: Pick<Sandboxes, 'all'>;
  readonly builder: ImageBuilder;
  readonly clock: Clock;
  readonly listeners: ImageListeners;
  /** Whether it only looks: nobody waits minutes for what a command did not ask for. */
  readonly looksOnly: boolean;
  /** Ends a build that is under way. */
  readonly lifetime: AbortSignal;
  readonly random?: (() => number) | undefined;
}

interface Running {
  readonly manifest: ImageManifest;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

interface Failure extends FailedBuild {
  readonly wanted: string;
  readonly problem: Problem;
}

/**
 * Looks after declared images: one visit compares, and a build goes on by itself, without a worker. One is built at a time.
 * Nothing here is needed after a restart: what was built when stands on the images.
 */
export class ImageReconciler {
  readonly #init: ImageReconcilerInit;
  readonly #records = new Map<string, ImageRecord>();
  readonly #failures = new Map<string, Failure>();
  readonly #built = new Map<string, { readonly at: number; readonly wanted: string }>();
  readonly #schedules: ScheduleCache = new Map();
  #running: Running | undefined;

  constructor(init: ImageReconcilerInit) {
    this.#init = init;
  }

  /** Of all that are declared. */
  all(): Iterable<ImageRecord> {
    return this.#records.values();
  }

  /** How far the build of an image is, as a sentence; undefined where nobody builds it. */
  coming(alias: string): string | undefined {
    const { desired, looksOnly } = this.#init;
    return looksOnly || !desired.images().has(alias) ? undefined : comingText(alias, this.#records.get(alias));
  }

  /** Resolves when no build is under way. */
  async ended(): Promise<void> {
    await this.#running?.ended;
  }

  /** One visit to `image/NAME`. @throws {Problem} when it cannot be looked at */
  async reconcile(name: string, signal: AbortSignal): Promise<QueueResult> {
    const manifest = this.#init.desired.images().get(name);
    if (this.#running?.manifest.name === name) {
      // It is to be built from something else by now: its end leads back here.
      const isSame = isDeepStrictEqual(manifest?.image.recipe, this.#running.manifest.image.recipe);
      if (!isSame) this.#running.stop.abort();
      return { kind: 'settled' };
    }
    if (!manifest) {
      this.#forget(name);
      return { kind: 'settled' };
    }
    return this.#act(manifest, await this.#look(manifest, signal));
  }

  async #look(manifest: ImageManifest, signal: AbortSignal): Promise<ImageSeen> {
    try {
      return await this.#init.builder.look(manifest, signal);
    } catch (error) {
      if (error instanceof Problem)
        this.#record({ manifest, reason: 'Failed', message: error.message, problem: error });
      throw error;
    }
  }

  #act(manifest: ImageManifest, { look, wanted }: ImageSeen): QueueResult {
    const { name, image } = manifest;
    const now = this.#init.clock.now();
    const failed = this.#failureOf(name, wanted);
    const built = this.#built.get(name);
    const before = built && { lastBuiltAt: built.at, wasBuiltSo: built.wanted === wanted };
    const plan = planImage({ image, look, failed, now, ...before }, this.#schedules);
    const { nextLookAt } = plan;
    const reason = this.#carryOut({ manifest, plan, wanted });
    const { message } = plan;
    this.#record({ manifest, reason, message, nextLookAt, ...seenPart(look), problem: failed?.problem });
    return nextLookAt === undefined ? { kind: 'settled' } : { kind: 'settled', afterMs: Math.max(0, nextLookAt - now) };
  }

  /** @returns how it is after that */
  #carryOut(asked: Asked): ImageReason {
    const { plan, manifest } = asked;
    if (!plan.build || this.#init.looksOnly) return plan.reason;
    if (!this.#running) this.#start(asked);
    return this.#running?.manifest === manifest ? 'Building' : 'Queued';
  }

  /** What it is built from is other than it was then: that says nothing any more. */
  #failureOf(name: string, wanted: string): Failure | undefined {
    const failed = this.#failures.get(name);
    if (failed?.wanted === wanted) return failed;
    this.#failures.delete(name);
    return undefined;
  }

  #start(asked: Asked): void {
    const { lifetime } = this.#init;
    const stop = new AbortController();
    const signal = AbortSignal.any([lifetime, stop.signal]);
    const ended = this.#build(asked, signal).finally(() => {
      this.#running = undefined;
      this.#wakeAll();
    });
    this.#running = { manifest: asked.manifest, stop, ended };
  }

  /** Never fails: what went wrong is remembered. */
  async #build({ manifest, plan, wanted }: Asked, signal: AbortSignal): Promise<void> {
    const { clock, builder, listeners } = this.#init;
    const { name } = manifest;
    const why = plan.message;
    const began = clock.monotonic();
    const took = () => ({ tookMs: Math.round(clock.monotonic() - began) });
    listeners.onImageBuild({ manifest, phase: 'started', why });
    const onLine = (line: string) => listeners.onImageLine(name, line);
    try {
      await builder.build(manifest, { anew: plan.build?.anew === true, signal, onLine });
      this.#failures.delete(name);
      this.#built.set(name, { at: clock.now(), wanted });
      listeners.onImageBuild({ manifest, phase: 'succeeded', why, ...took() });
    } catch (error) {
      const problem = this.#asProblem(name, error, signal);
      if (!signal.aborted) this.#remember(name, wanted, problem);
      listeners.onImageBuild({ manifest, phase: 'failed', why, problem, ...took() });
    }
  }

  #asProblem(name: string, error: unknown, signal: AbortSignal): Problem {
    if (error instanceof Problem) return error;
    if (signal.aborted) return new Problem({ code: 'image.called-off', message: 'The build was called off' });
    this.#init.listeners.onImageBug(name, error);
    return new Problem({ code: 'coi.bug', message: `A defect of coi: ${messageOf(error)}`, cause: error });
  }

  #remember(name: string, wanted: string, problem: Problem): void {
    const { clock, random = Math.random } = this.#init;
    const failures = (this.#failures.get(name)?.failures ?? 0) + 1;
    const retryAt = clock.now() + backoffMs(buildBackoff, failures, random());
    const message = `${problem.message}; it is tried again at ${timeText(retryAt)}`;
    this.#failures.set(name, { failures, retryAt, message, wanted, problem });
  }

  #record(record: Omit<ImageRecord, 'since'>): void {
    const { name } = record.manifest;
    const before = this.#records.get(name);
    const since = before?.reason === record.reason ? before.since : this.#init.clock.now();
    this.#records.set(name, { ...record, since });
    if (before?.reason !== record.reason || before.message !== record.message) this.#wakeWaiting(name);
  }

  #forget(name: string): void {
    this.#records.delete(name);
    this.#failures.delete(name);
    this.#built.delete(name);
    this.#wakeWaiting(name);
  }

  /** Those that lack it say how far it is. */
  #wakeWaiting(image: string): void {
    const { sandboxes, queue } = this.#init;
    for (const { name, plan, world } of sandboxes.all()) {
      const { desired } = world;
      const isMeant = desired.kind === 'declared' && desired.manifest.sandbox.image === image;
      if (isMeant && lacksImage(plan)) queue.add(sandboxKey(name), { priority: 'spec' });
    }
  }

  /** Another one may have its turn, or need what was built. */
  #wakeAll(): void {
    if (this.#init.lifetime.aborted) return;
    const names = new Set([...this.#init.desired.images().keys(), ...this.#records.keys()]);
    for (const name of names) this.#init.queue.add(imageKey(name), { priority: 'spec' });
  }
}

function seenPart(look: ImageSeen['look']): Pick<ImageRecord, 'fingerprint' | 'builtAt'> {
  if (look.kind === 'missing') return {};
  return { fingerprint: look.fingerprint, ...(look.kind === 'built' && { builtAt: look.builtAt }) };
}

interface Asked {
  readonly manifest: ImageManifest;
  readonly plan: ImagePlan;
  readonly wanted: string;
}
