import type { Clock } from '../base/clock.ts';
import type { Match } from './detection.ts';

/** How long the same thing of the same sandbox counts as one, in milliseconds. */
export const windowMs = 30_000;

/** Different things of one rule and sandbox within a window, beyond which all others count as one: names are chosen inside. */
const mostCauses = 20;

interface Repeated {
  readonly uid: string;
  readonly rule: string;
  /** The newest that was left out; undefined while there was none. */
  last: Match | undefined;
  count: number;
  readonly timer: Disposable;
}

/** Told once at the end of a window in which something was seen again. */
export type OnRepeated = (uid: string, last: Match, count: number) => void;

/** Tells what is new from what was just seen, by sandbox and cause. */
export class Repeats {
  readonly #clock: Clock;
  readonly #onRepeated: OnRepeated;
  readonly #seen = new Map<string, Repeated>();
  /** How many causes are open, by sandbox and rule. */
  readonly #open = new Map<string, number>();

  constructor(clock: Clock, onRepeated: OnRepeated) {
    this.#clock = clock;
    this.#onRepeated = onRepeated;
  }

  /** Whether this was not seen within the window; what was is counted. */
  isNew(uid: string, match: Match): boolean {
    const rule = match.rule.id;
    const key = this.#keyOf(uid, match);
    const before = this.#seen.get(key);
    if (before) {
      before.count += 1;
      before.last = match;
      return false;
    }
    const timer = this.#clock.after(windowMs, () => this.#close(key));
    this.#seen.set(key, { uid, rule, last: undefined, count: 0, timer });
    const place = `${uid}\0${rule}`;
    this.#open.set(place, (this.#open.get(place) ?? 0) + 1);
    return true;
  }

  /** What happens next in a sandbox is new, whatever was seen of it. */
  forget(uid: string): void {
    for (const [key, repeated] of this.#seen) if (repeated.uid === uid) this.#close(key);
  }

  /** Tell what was counted, and end. */
  close(): void {
    for (const key of this.#seen.keys()) this.#close(key);
  }

  #keyOf(uid: string, { rule, cause }: Match): string {
    const key = `${uid}\0${cause}`;
    const isFull = (this.#open.get(`${uid}\0${rule.id}`) ?? 0) >= mostCauses;
    // No cause begins with a NUL, so nothing inside can have this one.
    return isFull && !this.#seen.has(key) ? `${uid}\0\0${rule.id}` : key;
  }

  #close(key: string): void {
    const repeated = this.#seen.get(key);
    if (!repeated) return;
    const { uid, rule, last, count, timer } = repeated;
    timer[Symbol.dispose]();
    this.#seen.delete(key);
    const place = `${uid}\0${rule}`;
    const left = (this.#open.get(place) ?? 1) - 1;
    if (left > 0) this.#open.set(place, left);
    else this.#open.delete(place);
    if (last) this.#onRepeated(uid, last, count);
  }
}
