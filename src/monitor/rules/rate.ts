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
  readonly #moments = new Map<string, Map<string | number, number>>();
  #sequence = 0;

  constructor(init: RateInit) {
    this.#init = init;
  }

  /** Count an event. @returns whether it is one too many */
  isOver(facts: Facts): boolean {
    const limit = this.#init.limit(facts.container.monitoring);
    if (limit >= mostMoments) return false;
    const moments = this.#momentsOf(this.#keyOf(facts));
    const value = this.#init.distinct ? textOf(this.#init.distinct, facts) : (this.#sequence += 1);
    const { at } = facts.event;
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

  #momentsOf(key: string): Map<string | number, number> {
    const known = this.#moments.get(key) ?? new Map<string | number, number>();
    this.#moments.delete(key);
    this.#moments.set(key, known);
    if (this.#moments.size > mostKeys) this.#moments.delete(this.#moments.keys().next().value!);
    return known;
  }
}

/** The values of a field as one bounded text. */
export function textOf(field: Field, facts: Facts): string {
  return field.read(facts).slice(0, 4).join(' ').slice(0, longestValue);
}
