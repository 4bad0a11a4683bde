import type { Monitoring } from '../../spec/monitoring.ts';
import type { Facts } from './facts.ts';
import type { Field } from './fields.ts';

/** How much within how long is too much. */
export interface RateInit {
  readonly limit: (monitoring: Monitoring) => number;
  readonly seconds: number;
  /** What is counted apart, besides sandboxes. */
  readonly per: readonly Field[];
  /** Of what different values are counted; events without it. */
  readonly distinct?: Field;
}

/** Most things that are counted apart, for one rule; beyond, the longest idle is forgotten. */
const mostKeys = 4096;
/** Most moments that are remembered for one of them. */
const mostMoments = 100_001;
const longestValue = 256;

/** Counts events within a window that slides, in bounded memory. */
export class Rate {
  readonly #init: RateInit;
  /** The longest idle first; of each, when values were seen last, the oldest first. */
  readonly #moments = new Map<string, { readonly moments: Map<string | number, number>; readonly last: number }>();
  #sequence = 0;

  constructor(init: RateInit) {
    this.#init = init;
  }

  /** Count an event. @returns whether it is one too many */
  isOver(facts: Facts): boolean {
    const limit = this.#init.limit(facts.container.monitoring);
    if (limit >= mostMoments) return false;
    const { at } = facts.event;
    const moments = this.#momentsOf(this.#keyOf(facts), at);
    const value = this.#init.distinct ? textOf(this.#init.distinct, facts) : (this.#sequence += 1);
    moments.delete(value);
    moments.set(value, at);
    for (const [oldest, seen] of moments) {
      if (seen > at - this.#init.seconds * 1000 && moments.size <= limit + 1) break;
      moments.delete(oldest);
    }
    return moments.size > limit;
  }

  #keyOf(facts: Facts): string {
    return [facts.event.uid, ...this.#init.per.map((field) => textOf(field, facts))].join('\0');
  }

  /** How many things are remembered now. */
  get size(): number {
    return this.#moments.size;
  }

  #momentsOf(key: string, at: number): Map<string | number, number> {
    const known = this.#moments.get(key)?.moments ?? new Map<string | number, number>();
    this.#moments.delete(key);
    // Names are chosen inside: what nobody names any more would stay for ever.
    for (const [idle, { last }] of this.#moments) {
      if (last > at - this.#init.seconds * 1000 && this.#moments.size < mostKeys) break;
      this.#moments.delete(idle);
    }
    this.#moments.set(key, { moments: known, last: at });
    return known;
  }
}

/** The values of a field as one bounded text. */
export function textOf(field: Field, facts: Facts): string {
  return field.read(facts).slice(0, 4).join(' ').slice(0, longestValue);
}
