/**
 * Why a name was not answered with addresses: nothing in the list speaks of it; all its addresses are private, special or
 * the host's own; it is that of a public resolver, which no wildcard means; it looks like data; it was asked too often.
 */
export const nameDenials = ['unlisted', 'private answer', 'known resolver', 'suspicious', 'rate'] as const;
export type NameDenial = (typeof nameDenials)[number];

/** A name that was refused, with how often. Times in milliseconds since 1970. */
export interface DeniedName {
  /** As asked for, signs that cannot be printed replaced. */
  readonly name: string;
  /** Kind of record, as in `A` or `TXT`. */
  readonly type: string;
  readonly reason: NameDenial;
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

/** Names kept per sandbox; beyond it those not asked for the longest go. */
const mostNames = 1_000;

/** The refused names of one sandbox. Its memory is bounded, whatever is asked for. */
export class DeniedNames {
  readonly #byKey = new Map<string, DeniedName>();

  add({ name, type, reason }: Pick<DeniedName, 'name' | 'type' | 'reason'>, now: number): void {
    const text = name.replace(/[^\x21-\x7e]/g, '?').slice(0, 253);
    const key = `${reason} ${type} ${text}`;
    const before = this.#byKey.get(key);
    this.#byKey.delete(key);
    const { count = 0, first = now } = before ?? {};
    this.#byKey.set(key, { name: text, type, reason, count: count + 1, first, last: now });
    if (this.#byKey.size <= mostNames) return;
    const [oldest] = this.#byKey.keys();
    if (oldest !== undefined) this.#byKey.delete(oldest);
  }

  /** Last refused first. */
  list(): DeniedName[] {
    return [...this.#byKey.values()].toReversed();
  }
}
