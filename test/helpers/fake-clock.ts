import type { Clock } from '../../src/base/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Time that stands still until a test moves it. Timers fire in the order of their times, each at exactly its own, and
 * promises that they settle run on before the next one fires.
 */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #monotonic: number;
  #wall: number;
  #order = 0;

  constructor({ monotonic = 0, wall = Date.parse('2026-01-01T00:00:00Z') } = {}) {
    this.#monotonic = monotonic;
    this.#wall = wall;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.after(ms, resolve);
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      timer[Symbol.dispose]();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  after(ms: number, run: () => void): Disposable {
    const timer = { at: this.#monotonic + Math.max(0, ms), order: this.#order++, run };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Timers that are armed. */
  get armed(): number {
    return this.#timers.size;
  }

  /** When the next timer fires, on the monotonic scale; undefined without one. */
  get nextAt(): number | undefined {
    return this.#next()?.at;
  }

  /** Let `ms` pass: every timer that is due meanwhile fires at its own time. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settled();
    for (let timer = this.#next(); timer && timer.at <= end; timer = this.#next()) {
      this.skip(timer.at - this.#monotonic);
      await settled();
    }
    this.skip(end - this.#monotonic);
    await settled();
  }

  /** Let `ms` pass without letting any promise run on in between. */
  skip(ms: number): void {
    const end = this.#monotonic + ms;
    for (let timer = this.#next(); timer && timer.at <= end; timer = this.#next()) {
      this.#move(timer.at);
      this.#timers.delete(timer);
      timer.run();
    }
    this.#move(end);
  }

  /** Set the wall clock, as a person or NTP does; waits are not touched. */
  setWall(now: number): void {
    this.#wall = now;
  }

  #move(to: number): void {
    this.#wall += to - this.#monotonic;
    this.#monotonic = to;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      const isEarlier = !next || timer.at < next.at || (timer.at === next.at && timer.order < next.order);
      if (isEarlier) next = timer;
    }
    return next;
  }
}

/** Resolves once every promise that can settle by itself has done so. */
export async function settled(): Promise<void> {
  // Longer than any chain of awaits between a timer and what waits for it.
  for (let turn = 0; turn < 32; turn += 1) await Promise.resolve();
}
