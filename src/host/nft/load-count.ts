/** Counts how often something was done that makes everything begin anew. */
export class LoadCount {
  #count = 0;
  #isUnderWay = false;

  /** Undefined while it may be happening. */
  get value(): number | undefined {
    return this.#isUnderWay ? undefined : this.#count;
  }

  /** Carry out a load; one that fails does not count. Loads come one after the other. */
  async during(load: () => Promise<void>): Promise<void> {
    this.#isUnderWay = true;
    try {
      await load();
      this.#count++;
    } finally {
      this.#isUnderWay = false;
    }
  }
}
