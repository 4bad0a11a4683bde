/** Most that is kept to be read again, in bytes. What a program was never begun for was hardly sent more. */
const mostKept = 2 ** 20;

/**
 * Input that can be read from its beginning again, by one reader at a time: a program that was never begun has taken what it was
 * sent with it. What is more than fits is handed on once.
 */
export class ReplayedInput {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #kept: Uint8Array[] = [];
  #bytes = 0;
  #pending: Promise<IteratorResult<Uint8Array>> | undefined;
  #reader = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Whether all of it can still be read. */
  get isWhole(): boolean {
    return this.#bytes <= mostKept;
  }

  /** All of it. Whoever read it before gets no more. */
  async *read(): AsyncGenerator<Uint8Array> {
    this.#reader += 1;
    const own = this.#reader;
    yield* this.#kept;
    for (;;) {
      // Somebody who reads no more may have asked for this.
      const pending = (this.#pending ??= this.#source.next());
      const { done, value } = await pending;
      if (own !== this.#reader || done) return;
      this.#pending = undefined;
      this.#keep(value);
      yield value;
    }
  }

  #keep(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.isWhole) this.#kept.push(chunk);
    else this.#kept.length = 0;
  }
}
