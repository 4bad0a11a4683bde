import { backoffMs, type Backoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';

/** Urgency of a key, highest first. Waiting makes a key more urgent, so that none is forgotten. */
export const priorities = { security: 100, command: 50, spec: 0, event: -5, retry: -10, resync: -100 } as const;
export type Priority = keyof typeof priorities;

/** Waiting that long makes a ready key one more urgent. */
const ageingMs = 5_000;

/** A key on its way to a worker. */
export interface QueueItem {
  readonly key: string;
  readonly priority: Priority;
  /** Milliseconds between being ready and being taken. */
  readonly waitedMs: number;
}

/** How a worker leaves a key. */
export type QueueResult =
  /** Nothing left to do; look again after `afterMs` at the latest. */
  | { readonly kind: 'settled'; readonly afterMs?: number }
  /** Something else has to come first: neither done nor failed, so earlier failures still count. Look again after `afterMs`. */
  | { readonly kind: 'waiting'; readonly afterMs: number }
  /** More to do, but those that have waited as urgently come first. */
  | { readonly kind: 'yielded' }
  /** Try again after a wait that grows. */
  | { readonly kind: 'failed' }
  /** Trying again cannot help until something changes. */
  | { readonly kind: 'stalled'; readonly afterMs?: number };

export interface AddOptions {
  readonly priority?: Priority;
  readonly afterMs?: number;
}

interface Waiting {
  readonly priority: Priority;
  /** Monotonic time from which it may be taken. */
  readonly dueAt: number;
  /** Order of arrival, for those that are due at the same time. */
  readonly order: number;
  /** Whether it waits because it has failed. */
  readonly isRetry: boolean;
}

interface Active {
  readonly since: number;
  /** What it was taken with. */
  readonly priority: Priority;
  /** What was asked for meanwhile. */
  again: Priority | undefined;
}

/** What is in the queue right now, for metrics and people. Times in milliseconds. */
export interface QueueSnapshot {
  readonly ready: readonly { readonly key: string; readonly priority: Priority; readonly waitedMs: number }[];
  readonly delayed: readonly { readonly key: string; readonly priority: Priority; readonly inMs: number }[];
  readonly active: readonly { readonly key: string; readonly forMs: number }[];
}

/**
 * Keys to look at. It holds names, never events: a key that is added many times is looked at once, never by two workers at a
 * time, and a key that is added while it is looked at is looked at once more.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #waiting = new Map<string, Waiting>();
  readonly #active = new Map<string, Active>();
  readonly #failures = new Map<string, number>();
  readonly #takers = new Set<() => void>();
  #timer: Disposable | undefined;
  #order = 0;
  /** Counters since the start, for metrics. */
  readonly counts = { adds: 0, retries: 0 };

  constructor({ clock, backoff, random = Math.random }: { clock: Clock; backoff: Backoff; random?: () => number }) {
    this.#clock = clock;
    this.#backoff = backoff;
    this.#random = random;
  }

  /** Ask for a key to be looked at. The higher priority and the earlier time win over what was asked before. */
  add(key: string, { priority = 'event', afterMs = 0 }: AddOptions = {}): void {
    this.counts.adds += 1;
    // What failed before says nothing about what somebody has changed since.
    if (isChange(priority)) this.#failures.delete(key);
    const active = this.#active.get(key);
    if (active && afterMs === 0) {
      active.again = active.again === undefined ? priority : higher(active.again, priority);
      return;
    }
    const before = this.#waiting.get(key);
    if (before && this.#isHeldBack(before, priority)) return;
    this.#put(key, priority, this.#clock.monotonic() + afterMs);
    this.#wake();
  }

  #put(key: string, priority: Priority, dueAt: number, isRetry = false): void {
    const before = this.#waiting.get(key);
    const isEarlier = !before || dueAt < before.dueAt;
    this.#waiting.set(key, {
      priority: before ? higher(before.priority, priority) : priority,
      dueAt: isEarlier ? dueAt : before.dueAt,
      order: isEarlier ? this.#order++ : before.order,
      isRetry: isEarlier ? isRetry : before.isRetry,
    });
  }

  /** A failing key keeps its wait when only an event asks: most such events are echoes of its own failing. */
  #isHeldBack({ isRetry, dueAt }: Waiting, priority: Priority): boolean {
    return isRetry && dueAt > this.#clock.monotonic() && priorities[priority] < priorities.spec;
  }

  /** The most urgent ready key, as soon as there is one. Rejects with the signal's reason when it aborts. */
  async next(signal: AbortSignal): Promise<QueueItem> {
    for (;;) {
      signal.throwIfAborted();
      const item = this.#take();
      if (item) return item;
      await this.#somethingReady(signal);
    }
  }

  #take(): QueueItem | undefined {
    const now = this.#clock.monotonic();
    let best: { key: string; entry: Waiting; urgency: number } | undefined;
    for (const [key, entry] of this.#waiting) {
      if (entry.dueAt > now || this.#active.has(key)) continue;
      const urgency = priorities[entry.priority] + Math.floor((now - entry.dueAt) / ageingMs);
      const isBetter = !best || urgency > best.urgency || (urgency === best.urgency && isFirst(entry, best.entry));
      if (isBetter) best = { key, entry, urgency };
    }
    if (!best) return undefined;
    this.#waiting.delete(best.key);
    this.#active.set(best.key, { since: now, priority: best.entry.priority, again: undefined });
    return { key: best.key, priority: best.entry.priority, waitedMs: now - best.entry.dueAt };
  }

  async #somethingReady(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#takers.add(wake);
    this.#armTimer();
    signal.addEventListener('abort', wake, { once: true });
    try {
      await promise;
    } finally {
      // The signal lives as long as the controller: what listens to it must go, or there is one more after each wait.
      signal.removeEventListener('abort', wake);
      this.#takers.delete(wake);
    }
  }

  /** Give a key back. Everything that was asked for meanwhile counts now. */
  done(key: string, result: QueueResult): void {
    const active = this.#active.get(key);
    const again = active?.again;
    this.#active.delete(key);
    if (result.kind === 'failed') this.#retryLater(key, again);
    else if (result.kind === 'yielded')
      this.#put(key, higher(active?.priority ?? 'event', again ?? 'resync'), this.#clock.monotonic());
    else {
      if (result.kind !== 'waiting') this.#failures.delete(key);
      if (again !== undefined) this.add(key, { priority: again });
      else if (result.afterMs !== undefined) this.add(key, { priority: 'resync', afterMs: result.afterMs });
    }
    this.#wake();
  }

  #retryLater(key: string, again: Priority | undefined): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.counts.retries += 1;
    const isUrgent = again !== undefined && priorities[again] >= priorities.spec;
    const afterMs = isUrgent ? 0 : backoffMs(this.#backoff, failures, this.#random());
    const asked = this.#waiting.get(key);
    // An event during the try neither hurries the next one nor puts it off.
    if (asked && priorities[asked.priority] < priorities.spec) this.#waiting.delete(key);
    this.#put(key, isUrgent ? again : 'retry', this.#clock.monotonic() + afterMs, !isUrgent);
  }

  /**
   * Keep workers off a key until what comes back is disposed of; it is looked at then. Waits for the worker that has it.
   * Rejects with the signal's reason when it aborts.
   */
  async claim(key: string, signal: AbortSignal): Promise<Disposable> {
    for (;;) {
      signal.throwIfAborted();
      if (!this.#active.has(key)) break;
      await this.#somethingReady(signal);
    }
    this.#active.set(key, { since: this.#clock.monotonic(), priority: 'command', again: 'command' });
    return { [Symbol.dispose]: () => this.done(key, { kind: 'settled' }) };
  }

  /** Drop what is known about a key that will not come back. */
  forget(key: string): void {
    this.#failures.delete(key);
    this.#waiting.delete(key);
  }

  /** Tries in a row that have failed. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  #wake(): void {
    for (const taker of this.#takers) taker();
  }

  #armTimer(): void {
    this.#timer?.[Symbol.dispose]();
    let earliest = Infinity;
    for (const [key, { dueAt }] of this.#waiting) if (!this.#active.has(key)) earliest = Math.min(earliest, dueAt);
    if (earliest === Infinity) return;
    this.#timer = this.#clock.after(Math.max(0, Math.ceil(earliest - this.#clock.monotonic())), () => this.#wake());
  }

  snapshot(): QueueSnapshot {
    const now = this.#clock.monotonic();
    const entries = [...this.#waiting].map(([key, entry]) => ({ key, ...entry }));
    return {
      ready: entries
        .filter(({ key, dueAt }) => dueAt <= now && !this.#active.has(key))
        .map(({ key, priority, dueAt }) => ({ key, priority, waitedMs: now - dueAt })),
      delayed: entries
        .filter(({ dueAt }) => dueAt > now)
        .map(({ key, priority, dueAt }) => ({ key, priority, inMs: dueAt - now })),
      active: [...this.#active].map(([key, { since }]) => ({ key, forMs: now - since })),
    };
  }
}

/** Whether somebody changed or asked for something, rather than something having happened. */
function isChange(priority: Priority): boolean {
  return priority === 'spec' || priority === 'command';
}

/** Of two equally urgent ones, the one that has been ready for longer. */
function isFirst(a: Waiting, b: Waiting): boolean {
  return a.dueAt === b.dueAt ? a.order < b.order : a.dueAt < b.dueAt;
}

function higher(a: Priority, b: Priority): Priority {
  return priorities[a] >= priorities[b] ? a : b;
}
