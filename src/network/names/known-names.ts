import type { Family } from '../address.ts';

/** Bounds per sandbox; beyond them what was used the longest ago goes. */
const mostNames = 1_000;
const mostAddressesPerName = 512;

/** What is known of one name. */
export interface KnownName {
  /** What was last answered, by family; kept for when no server answers. */
  readonly last: Readonly<Partial<Record<Family, readonly string[]>>>;
  /** Until when each address it led to may be reached, in milliseconds of one clock. */
  readonly until: ReadonlyMap<string, number>;
}

/** What the names of one sandbox led to. */
export class KnownNames {
  readonly #names = new Map<string, KnownName>();

  constructor(names: Iterable<readonly [string, KnownName]> = []) {
    for (const [name, known] of names) this.#names.set(name, known);
  }

  /** A name was answered. @returns whether it led elsewhere before */
  learn(name: string, family: Family, { addresses, until }: { addresses: readonly string[]; until: number }): boolean {
    const before = this.#names.get(name);
    const times = new Map(before?.until);
    const isSame =
      before?.last[family]?.join(' ') === addresses.join(' ') && addresses.every((each) => times.has(each));
    for (const address of addresses) {
      const later = Math.max(until, times.get(address) ?? 0);
      times.delete(address);
      times.set(address, later);
    }
    for (const [address] of times) {
      if (times.size <= mostAddressesPerName) break;
      times.delete(address);
    }
    this.#names.delete(name);
    this.#names.set(name, { last: { ...before?.last, [family]: addresses }, until: times });
    const [oldest] = this.#names.keys();
    if (this.#names.size > mostNames && oldest !== undefined) this.#names.delete(oldest);
    return !isSame;
  }

  /** An address is in use: it stays, under every name that leads to it. */
  prolong(address: string, until: number): void {
    for (const [name, known] of this.#names) {
      const before = known.until.get(address);
      if (before === undefined || before >= until) continue;
      this.#names.set(name, { ...known, until: new Map(known.until).set(address, until) });
    }
  }

  /** What a name last led to, whenever that was. */
  last(name: string, family: Family): readonly string[] | undefined {
    return this.#names.get(name)?.last[family];
  }

  /** The name that led to an address, the newest of several. */
  nameOf(address: string): string | undefined {
    return [...this.#names].findLast(([, { until }]) => until.has(address))?.[0];
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  all(): Iterable<readonly [string, KnownName]> {
    return this.#names;
  }

  /** Forgets addresses whose time is over; what was last answered stays. */
  sweep(now: number): void {
    for (const [name, known] of this.#names) {
      if ([...known.until.values()].every((until) => until > now)) continue;
      this.#names.set(name, { ...known, until: new Map([...known.until].filter(([, until]) => until > now)) });
    }
  }
}
