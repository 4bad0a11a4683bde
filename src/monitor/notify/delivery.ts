import { pause, type Clock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';

/** How often one thing is tried, and how long between the tries, in milliseconds. */
const pausesMs = [1_000, 5_000, 20_000, 60_000];

/** Most that wait: what comes then takes the place of what has waited longest. */
const mostWaiting = 100;

/** What a {@link Delivery} is made from. */
export interface DeliveryInit<Item> {
  readonly clock: Clock;
  /** Ends all of it; what waits then is dropped. */
  readonly signal: AbortSignal;
  /** Whether it arrived; false where there is nobody to get it. What it throws with `retry` "backoff" is tried again. */
  readonly send: (item: Item, signal: AbortSignal) => Promise<boolean>;
  /** Told of each item how it ended. Must not throw. */
  readonly onEnd: (outcome: 'sent' | 'dropped' | 'nobody') => void;
  /** Told once when things begin to fail. Must not throw. */
  readonly onProblem: (error: unknown) => void;
}

/** Hands items over one after the other, without keeping anybody waiting. */
export class Delivery<Item> {
  readonly #init: DeliveryInit<Item>;
  readonly #waiting: Item[] = [];
  #working: Promise<void> | undefined;
  #isFailing = false;

  constructor(init: DeliveryInit<Item>) {
    this.#init = init;
  }

  /** Hand it over soon. Never throws. */
  add(item: Item): void {
    this.#waiting.push(item);
    if (this.#waiting.length > mostWaiting) {
      this.#waiting.shift();
      this.#init.onEnd('dropped');
    }
    this.#working ??= this.#work();
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    // Whoever adds goes on first.
    await Promise.resolve();
    for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
      this.#init.onEnd(await this.#deliver(item));
    }
    this.#working = undefined;
  }

  async #deliver(item: Item): Promise<'sent' | 'dropped' | 'nobody'> {
    const { clock, signal, send } = this.#init;
    for (const pauseMs of [...pausesMs, undefined]) {
      if (signal.aborted) return 'dropped';
      try {
        const isTaken = await send(item, signal);
        if (isTaken) this.#isFailing = false;
        return isTaken ? 'sent' : 'nobody';
      } catch (error) {
        this.#tell(error);
        const mayHelp = error instanceof Problem && error.retry === 'backoff';
        if (!mayHelp || pauseMs === undefined) return 'dropped';
        await pause(clock, pauseMs, signal);
      }
    }
    return 'dropped';
  }

  #tell(error: unknown): void {
    if (!this.#isFailing && !this.#init.signal.aborted) this.#init.onProblem(error);
    this.#isFailing = true;
  }
}
