import type { Clock } from '../base/clock.ts';

/** How long a burst is gathered after its first event. */
const windowMs = 200;

/**
 * Lets the first event through at once and makes one hint of all that follow within 200 ms, so that saving one file costs
 * no time and a thousand files do not cost a thousand reads.
 */
export class HintGate implements Disposable {
  readonly #clock: Clock;
  readonly #onHint: () => void;
  #window: Disposable | undefined;
  #hasMore = false;
  #isClosed = false;

  constructor(clock: Clock, onHint: () => void) {
    this.#clock = clock;
    this.#onHint = onHint;
  }

  /** Something happened. */
  hit(): void {
    if (this.#isClosed) return;
    if (this.#window) this.#hasMore = true;
    else this.#pass();
  }

  #pass(): void {
    this.#hasMore = false;
    this.#window = this.#clock.after(windowMs, () => {
      this.#window = undefined;
      if (this.#hasMore) this.#pass();
    });
    this.#onHint();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#window?.[Symbol.dispose]();
  }
}
