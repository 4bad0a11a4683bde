/** Counts that only grow, made of counts that begin anew now and then. */
export class RunningTotals {
  readonly #totals = new Map<string, { readonly base: number; readonly seen: number }>();
  #epoch: number | undefined;

  /**
   * Take in counts.
   *
   * @param epoch changes whenever all counts began anew
   * @param wanted keys that still exist; the others are forgotten
   */
  note(counts: ReadonlyMap<string, number>, epoch: number, wanted: ReadonlySet<string>): void {
    const isAnew = this.#epoch !== epoch;
    this.#epoch = epoch;
    for (const key of this.#totals.keys()) if (!wanted.has(key)) this.#totals.delete(key);
    for (const key of wanted) {
      const { base, seen } = this.#totals.get(key) ?? { base: 0, seen: 0 };
      const count = counts.get(key) ?? 0;
      this.#totals.set(key, { base: isAnew || count < seen ? base + seen : base, seen: count });
    }
  }

  all(): ReadonlyMap<string, number> {
    return new Map([...this.#totals].map(([key, { base, seen }]) => [key, base + seen]));
  }
}
