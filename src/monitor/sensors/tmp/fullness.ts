/** Percentages from which a directory counts as full, below which no longer, and by which it has to grow to be told again. */
const limits = { full: 80, free: 75, growth: 5 } as const;

/** Decides when it is worth telling how full something is. */
export class Fullness {
  #told: number | undefined;

  /** @returns whether this is news: it became full, or fuller by much */
  isNews(percent: number): boolean {
    if (percent < limits.free) this.#told = undefined;
    if (percent < limits.full || (this.#told !== undefined && percent < this.#told + limits.growth)) return false;
    this.#told = percent;
    return true;
  }
}
