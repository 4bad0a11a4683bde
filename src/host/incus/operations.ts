import { z } from 'zod';
import type { Api } from './api.ts';
import { refusalError } from './classify.ts';
import { openDeadline } from '../../base/deadline.ts';
import { IncusError, isIncusError } from './errors.ts';
import type { Events } from './events.ts';
import { FinishedOperations } from './finished-operations.ts';
import type { CallOptions } from './instances.ts';
import { parseOperation, type Operation, type StartedOperation } from './operation.ts';

/**
 * How an operation ended. `unknown`: Incus forgot it before anybody asked, or lost it in a restart; that says nothing
 * about whether it succeeded, so look at the thing itself.
 */
export type Outcome =
  | { readonly kind: 'success'; readonly metadata: Readonly<Record<string, unknown>> }
  | { readonly kind: 'failure'; readonly error: IncusError; readonly metadata: Readonly<Record<string, unknown>> }
  | { readonly kind: 'unknown' };

/** How long to wait for an operation. */
export interface WaitOptions extends CallOptions {
  /** Longest wait in milliseconds; {@link defaultWaitMs} unless given. */
  readonly timeoutMs?: number;
}

/** Longest wait for an operation, in milliseconds, unless a call says otherwise. */
const defaultWaitMs = 120_000;

/** Incus forgets an operation 5 s after its end; asking this often notices an end whose event never came. */
const recheckMs = 4_000;

const route = '/1.0/operations/{id}';
const lists = z.record(z.string(), z.array(z.unknown()));

/**
 * Background operations.
 * @see Incus documentation, "REST API", "Background operation"
 */
export class Operations implements Disposable {
  readonly #api: Api;
  readonly #events: Events;
  readonly #finished: FinishedOperations;

  constructor(api: Api, events: Events) {
    this.#api = api;
    this.#events = events;
    this.#finished = new FinishedOperations(events);
  }

  /** Operations that have not ended. */
  async running(options: CallOptions = {}): Promise<readonly Operation[]> {
    const call = {
      method: 'GET',
      route: '/1.0/operations',
      what: 'list operations',
      query: { recursion: '1' },
    } as const;
    const parse = (value: unknown) => Object.values(lists.parse(value)).flat().map(parseOperation);
    return (await this.#api.sync({ ...call, ...options }, parse)).value.filter(({ phase }) => phase === 'running');
  }

  /** One operation. @throws {IncusError} `gone` when Incus does not know it (any more). */
  async get(id: string, options: CallOptions = {}): Promise<Operation> {
    const call = { method: 'GET', route, what: `read operation ${id}`, params: { id } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseOperation)).value;
  }

  /**
   * Waits for the end: by event while the event stream is up, by asking otherwise.
   *
   * @throws {IncusError} `unknown-outcome` (`incus.operation-timeout`) when time is up; the operation goes on.
   * @throws the signal's reason when it aborts; the operation goes on.
   */
  async wait(started: StartedOperation, { timeoutMs = defaultWaitMs, signal }: WaitOptions = {}): Promise<Outcome> {
    using deadline = openDeadline(this.#api.transport.clock, timeoutMs, signal);
    try {
      return outcomeOf(started, await this.#end(started, deadline.signal));
    } catch (error) {
      if (!deadline.hasPassed()) throw error;
      const { what } = started;
      const text = `it has not ended within ${timeoutMs} ms and goes on`;
      throw new IncusError({ class: 'unknown-outcome', what, text, code: 'incus.operation-timeout' });
    }
  }

  /**
   * Waits for the end and takes only success for an answer.
   *
   * @returns the operation's metadata
   * @throws {IncusError} as it failed; `unknown-outcome` when nobody knows how it ended.
   */
  async finish(started: StartedOperation, options: WaitOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    const outcome = await this.wait(started, options);
    if (outcome.kind === 'success') return outcome.metadata;
    if (outcome.kind === 'failure') throw outcome.error;
    const text = 'Incus no longer knows how the operation ended';
    throw new IncusError({ class: 'unknown-outcome', what: started.what, text });
  }

  /** The operation at its end; undefined when it is forgotten. */
  async #end(started: StartedOperation, signal: AbortSignal): Promise<Operation | undefined> {
    const { id } = started.operation;
    for (let isFirst = true; ; isFirst = false) {
      signal.throwIfAborted();
      // Only a stream that was up before the call cannot have missed the end.
      const { upSince } = this.#events;
      const mayHaveMissed = upSince === undefined || upSince > started.startedAt;
      if (!isFirst || mayHaveMissed) {
        const operation = this.#finished.get(id) ?? (await this.#look(id, signal));
        if (operation?.phase !== 'running') return operation;
      }
      if (this.#events.up) {
        const ended = await this.#finished.wait(id, { ms: recheckMs, clock: this.#api.transport.clock, signal });
        if (ended) return ended;
      } else {
        await this.#waitAtIncus(id, signal);
      }
    }
  }

  async #look(id: string, signal: AbortSignal): Promise<Operation | undefined> {
    try {
      return await this.get(id, { signal });
    } catch (error) {
      // Forgotten, or lost with an incusd that died, but not failed: the caller gets `unknown`.
      if (isIncusError(error, 'gone', 'transient')) return undefined;
      throw error;
    }
  }

  /** Lets Incus hold the request until the operation ends. What it answers is read from the operation itself. */
  async #waitAtIncus(id: string, signal: AbortSignal): Promise<void> {
    const call = { method: 'GET', route: `${route}/wait`, what: `wait for operation ${id}`, params: { id } } as const;
    try {
      const { status } = await this.#api.transport.send({ ...call, query: { timeout: '20' }, signal });
      if (status < 300) return;
    } catch (error) {
      // Reading the operation itself, which comes next, says whether incusd is still there.
      if (!isIncusError(error, 'transient')) throw error;
    }
    // A failed operation is answered like a failed wait: do not ask at full speed if it is the latter.
    await this.#api.transport.clock.sleep(50, signal);
  }

  [Symbol.dispose](): void {
    this.#finished[Symbol.dispose]();
  }
}

function outcomeOf({ what }: StartedOperation, operation: Operation | undefined): Outcome {
  if (operation === undefined) return { kind: 'unknown' };
  if (operation.phase === 'success') return { kind: 'success', metadata: operation.metadata };
  const { err, phase, metadata } = operation;
  return { kind: 'failure', error: refusalError({ what, text: err || phase }), metadata };
}
