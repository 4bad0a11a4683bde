import type { Clock } from '../../base/clock.ts';
import type { Events } from './events.ts';
import type { Operation } from './operation.ts';

/** So many ends are remembered; waiters ask within milliseconds of the call that began the operation. */
const remembered = 1_024;

/** Ends of operations as the event stream tells them, kept for whoever asks a moment later. */
export class FinishedOperations implements Disposable {
  readonly #ends = new Map<string, Operation>();
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #subscription: Disposable;

  constructor(events: Events) {
    this.#subscription = events.on((notice) => {
      if (notice.kind === 'operation' && notice.operation.phase !== 'running') this.#remember(notice.operation);
      // After a gap nobody will tell: waiters have to look for themselves.
      if (notice.kind === 'gap') for (const id of this.#waiting.keys()) this.#wake(id);
    });
  }

  /** How the operation ended, if that was told. */
  get(id: string): Operation | undefined {
    return this.#ends.get(id);
  }

  /** Waits for the end; undefined when `ms` passed or events may have been missed. Rejects with the signal's reason. */
  async wait(
    id: string,
    { ms, clock, signal }: { readonly ms: number; readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<Operation | undefined> {
    const known = this.#ends.get(id);
    if (known) return known;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiters = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiters.add(resolve));
    const stop = () => resolve();
    signal.addEventListener('abort', stop, { once: true });
    using _timer = clock.after(ms, resolve);
    await promise;
    signal.removeEventListener('abort', stop);
    waiters.delete(resolve);
    if (waiters.size === 0) this.#waiting.delete(id);
    signal.throwIfAborted();
    return this.#ends.get(id);
  }

  #remember(operation: Operation): void {
    this.#ends.set(operation.id, operation);
    if (this.#ends.size > remembered) this.#ends.delete(this.#ends.keys().next().value!);
    this.#wake(operation.id);
  }

  #wake(id: string): void {
    for (const resolve of this.#waiting.get(id) ?? []) resolve();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}
