/** Runs tasks side by side, a few at once. After a failure nothing more begins. */
export class Pool {
  readonly #size: number;
  readonly #running = new Set<Promise<void>>();
  readonly #following = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  /**
   * Begins a task when there is room for it.
   *
   * @returns when the task has begun
   * @throws what a task before it threw
   */
  async begin(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#size) await Promise.race(this.#running);
    this.#check();
    const running = this.#run(task).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Has {@link end} wait for something that follows from tasks. */
  follow(work: Promise<void>): void {
    const running = this.#run(() => work).finally(() => this.#following.delete(running));
    this.#following.add(running);
  }

  /** Waits for all that has begun. @throws what one of them threw */
  async end(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
    await Promise.all(this.#following);
    this.#check();
  }

  async #run(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
