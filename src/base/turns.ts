/** Carries work out one piece after the other, in the order in which it was asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Begins once all that was asked for before is over, however it ended. Fails as the work does. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn;
    // The caller gets the failure; the next turn only needs to know that this one is over.
    turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when all that was asked for so far is over. */
  async idle(): Promise<void> {
    // The failures belong to those who asked.
    await this.#last.catch(() => undefined);
  }

  /** What waits for its turn goes out together: `work` gets all of it at once, and its end is that of each. */
  gather<Wish, Result>(work: (wishes: readonly Wish[]) => Promise<Result>): (wish: Wish) => Promise<Result> {
    let waiting: { readonly wishes: Wish[]; readonly done: Promise<Result> } | undefined;
    return (wish) => {
      if (waiting) {
        waiting.wishes.push(wish);
        return waiting.done;
      }
      const wishes = [wish];
      const done = this.take(() => {
        waiting = undefined;
        return work(wishes);
      });
      waiting = { wishes, done };
      return done;
    };
  }
}
