import { backoffMs, type Backoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { parseEvent, type IncusEvent } from './event.ts';
import { openEventSocket, type EventSocket } from './event-socket.ts';
import type { Transport } from './transport.ts';

/**
 * Events may have been missed until now: list again what matters. Sent on every connect, the first one included, on
 * every disconnect, and when a message could not be read.
 */
export interface Gap {
  readonly kind: 'gap';
  readonly reason: 'connected' | 'disconnected' | 'malformed';
}

export type Notice = IncusEvent | Gap;

/** Waits between tries to connect. incusd is back 0.5 s after a restart, so the cap is low. */
const reconnectBackoff: Backoff = { baseMs: 100, capMs: 5_000, jitter: 0.2 };

/**
 * Incus' event stream: connects by itself, again and again, until it is disposed of. Listeners are called one after
 * the other and must not throw.
 * @see Incus documentation, "Events"
 */
export class Events implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #listeners = new Set<(notice: Notice) => void>();
  #socket: EventSocket | undefined;
  #retry: Disposable | undefined;
  #state: 'idle' | 'open' | 'closed' = 'idle';
  #upSince: number | undefined;
  #failures = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#clock = transport.clock;
  }

  /** Whether events arrive at present. */
  get up(): boolean {
    return this.#upSince !== undefined;
  }

  /** Monotonic time of the last connect; undefined while not connected. */
  get upSince(): number | undefined {
    return this.#upSince;
  }

  /** Begins to listen; does nothing when it has begun before. */
  start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'open';
    this.#connect();
  }

  /** Calls `listener` with everything that arrives from now on, until the result is disposed of. */
  on(listener: (notice: Notice) => void): Disposable {
    const own = (notice: Notice) => listener(notice);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  /** Resolves once events arrive; starts the stream if need be. Rejects with the signal's reason. */
  async ready(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.start();
    if (this.up) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal?.reason);
    using _ = this.on((notice) => {
      if (notice.kind === 'gap' && notice.reason === 'connected') resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
    await promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  #connect(): void {
    this.#retry = undefined;
    this.#socket = openEventSocket(this.#transport, {
      onOpen: () => {
        this.#failures = 0;
        this.#upSince = this.#clock.monotonic();
        this.#tell({ kind: 'gap', reason: 'connected' });
      },
      onText: (text) => this.#read(text),
      onEnd: () => this.#lost(),
    });
  }

  #read(text: string): void {
    let event: IncusEvent | undefined;
    try {
      event = parseEvent(text);
    } catch {
      // What it said is lost; the remedy is the same as for a lost connection.
      this.#tell({ kind: 'gap', reason: 'malformed' });
    }
    if (event) this.#tell(event);
  }

  #lost(): void {
    this.#socket = undefined;
    if (this.#state === 'closed') return;
    const wasUp = this.up;
    this.#upSince = undefined;
    this.#failures += 1;
    this.#retry = this.#clock.after(backoffMs(reconnectBackoff, this.#failures, Math.random()), () => this.#connect());
    if (wasUp) this.#tell({ kind: 'gap', reason: 'disconnected' });
  }

  #tell(notice: Notice): void {
    for (const listener of this.#listeners) listener(notice);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = 'closed';
    this.#upSince = undefined;
    this.#retry?.[Symbol.dispose]();
    this.#socket?.close();
  }
}
