/** Collects what a program writes, up to a limit: what runs inside decides how much it is. */
export class ExecOutput {
  readonly #chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  readonly #onTooMuch: () => void;
  #left: number;

  constructor(maxBytes: number, onTooMuch: () => void) {
    this.#left = maxBytes;
    this.#onTooMuch = onTooMuch;
  }

  /** Adds a chunk; beyond the limit it is dropped and the owner told. */
  add(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (this.#left < 0) return;
    this.#chunks[stream].push(chunk.subarray(0, this.#left));
    this.#left -= chunk.length;
    if (this.#left < 0) this.#onTooMuch();
  }

  /** What was collected so far. */
  result() {
    const { stdout, stderr } = this.#chunks;
    return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), isTruncated: this.#left < 0 };
  }
}
