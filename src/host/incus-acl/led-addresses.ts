import type { Clock } from '../../base/clock.ts';
import type { TimedElement } from '../../network/timed-elements.ts';

interface Led {
  readonly element: TimedElement;
  /** Monotonic milliseconds. */
  readonly until: number;
}

/** Addresses that names lead to, for a backend whose rules do not run out by themselves. */
export class LedAddresses {
  readonly #clock: Clock;
  readonly #led = new Map<string, Led>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns whether one of them was not there: then rules have to change */
  add(elements: readonly TimedElement[]): boolean {
    const now = this.#clock.monotonic();
    let isNew = false;
    for (const element of elements) {
      isNew ||= (this.#led.get(keyOf(element))?.until ?? 0) <= now;
      this.#led.set(keyOf(element), { element, until: now + element.seconds * 1_000 });
    }
    return isNew;
  }

  remove(elements: readonly TimedElement[]): void {
    for (const element of elements) this.#led.delete(keyOf(element));
  }

  /** Those that have not run out; the others are forgotten. */
  all(): TimedElement[] {
    const now = this.#clock.monotonic();
    for (const [key, { until }] of this.#led) if (until <= now) this.#led.delete(key);
    return [...this.#led.values()].map(({ element }) => element);
  }
}

function keyOf({ set, key }: TimedElement): string {
  return `${set} ${key}`;
}
