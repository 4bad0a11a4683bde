import { pause, type Clock } from '../../base/clock.ts';
import { graceTime } from '../../network/names/lifetimes.ts';
import type { GuestBook } from './guest-book.ts';
import type { Guest } from './guest.ts';
import type { Lookups } from './lookups.ts';
import type { Flows } from './open-flows.ts';
import type { LastingPlace, TimedSets } from './timed-sets.ts';

/** What {@link Upkeep} needs. */
export interface UpkeepInit {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly sets: TimedSets;
  readonly book: GuestBook;
  readonly lookups: Lookups;
  /** What is open at this moment. */
  readonly flows: (signal: AbortSignal) => Promise<Flows>;
  readonly onLearned: (guest: Guest) => void;
  /** Something does not work, or with undefined works again. */
  readonly tell: (what: string, error: unknown) => void;
}

const tickMs = 5_000;
/** What runs out within that time is looked for among what is open, so often at most; in milliseconds. */
const soonMs = 45_000;
const flowsEveryMs = 15_000;
/** Sandboxes whose names are looked up again at the same time; the others wait for the next rounds. */
const mostRefreshing = 8;

/** What has to be done about names while nobody asks. */
export class Upkeep {
  readonly #init: UpkeepInit;
  readonly #refreshing = new Set<Guest>();
  #flowsAt = Number.NEGATIVE_INFINITY;

  constructor(init: UpkeepInit) {
    this.#init = init;
  }

  /** Goes on until the signal aborts. */
  async run(): Promise<void> {
    const { clock, signal } = this.#init;
    while (!signal.aborted) {
      await pause(clock, tickMs, signal);
      if (!signal.aborted) await this.tick();
    }
  }

  /** One round. Never throws. */
  async tick(): Promise<void> {
    await this.#try('sets', () => this.#prolong());
    this.#init.sets.sweep();
    const now = this.#init.clock.monotonic();
    for (const guest of this.#init.book.all()) {
      guest.known.sweep(now);
      if (guest.refreshAt !== undefined && guest.refreshAt <= now) void this.#refresh(guest);
    }
  }

  async #refresh(guest: Guest): Promise<void> {
    if (this.#refreshing.has(guest) || this.#refreshing.size >= mostRefreshing) return;
    this.#refreshing.add(guest);
    await this.#try('refresh', () => this.#init.lookups.refresh(guest));
    guest.refreshed(this.#init.clock.monotonic());
    this.#refreshing.delete(guest);
  }

  /** Longer times that had no hurry, and those of addresses that are in use. */
  async #prolong(): Promise<void> {
    const { sets, book, onLearned } = this.#init;
    await this.#keepUsed();
    for (const uid of await sets.flush()) {
      const guest = book.of(uid);
      if (guest) onLearned(guest);
    }
  }

  async #keepUsed(): Promise<void> {
    const { sets, clock } = this.#init;
    const now = clock.monotonic();
    if (now - this.#flowsAt < flowsEveryMs) return;
    const ending = sets.runningOut(now + soonMs);
    if (ending.length === 0) return;
    this.#flowsAt = now;
    const flows = await this.#openFlows();
    // What was taken out meanwhile stays out.
    const used = ending.filter((place) => sets.has(place) && flows.has(place.key.split(' . ', 2).join(' ')));
    if (used.length === 0) return;
    const until = now + graceTime * 1_000;
    for (const place of used) this.#noteUse(place, until);
    await sets.put(used.map((place) => ({ ...place, until })));
  }

  #noteUse({ uid, key }: LastingPlace, until: number): void {
    const guest = this.#init.book.of(uid);
    const [, to = ''] = key.split(' . ');
    guest?.known.prolong(to, until);
    if (guest) this.#init.onLearned(guest);
  }

  /** Where it cannot be seen what is open, addresses run out; what is open already goes on, until its rules change. */
  async #openFlows(): Promise<Flows> {
    const { flows, signal, tell } = this.#init;
    try {
      const open = await flows(signal);
      tell('flows', undefined);
      return open;
    } catch (error) {
      tell('flows', error);
      return new Set();
    }
  }

  async #try(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#init.tell(what, undefined);
    } catch (error) {
      this.#init.tell(what, error);
    }
  }
}
