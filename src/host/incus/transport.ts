import type { Readable } from 'node:stream';
import { Agent, request, type Dispatcher, type FormData } from 'undici';
import type { Clock } from '../../base/clock.ts';
import { errorCode, silenceError } from './classify.ts';
import { incusConnector } from './connector.ts';
import { openDeadline } from '../../base/deadline.ts';
import { IncusError } from './errors.ts';

/** One finished call, for metrics. */
export interface Sample {
  readonly method: string;
  /** Template such as `/1.0/instances/{name}`, never a path with names in it. */
  readonly route: string;
  /** Status of the reply, or the error's code when there was none. */
  readonly code: number | string;
  readonly durationMs: number;
}

/** One call to Incus. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with `{…}` where `params` go. */
  readonly route: string;
  /** What is tried, for error messages: `start instance "web"`. */
  readonly what: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; a call has `json` or `body`, not both. */
  readonly body?: Uint8Array | Readable | FormData;
  readonly headers?: Readonly<Record<string, string>>;
  /** Carry the call out only while the thing is still as it was when this was read. */
  readonly etag?: string;
  readonly signal?: AbortSignal;
  /** Longest time until the reply is there as a whole; {@link defaultTimeoutMs} unless given. */
  readonly timeoutMs?: number;
  /** Largest reply that is taken, in bytes; no limit unless given. */
  readonly maxBytes?: number;
}

/** A reply as it came. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Longest wait for a reply, in milliseconds, unless a call says otherwise. */
const defaultTimeoutMs = 30_000;

/** What a {@link Transport} is made from. */
export interface TransportOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  /** Incus project that all calls are about; Incus' default project unless given. */
  readonly project?: string;
  readonly observe?: (sample: Sample) => void;
}

type SendOptions = Pick<Dispatcher.RequestOptions, 'method' | 'headers' | 'body'> & { readonly dispatcher: Agent };

/** HTTP on Incus' unix socket, with kept connections. Knows nothing about what the replies mean. */
export class Transport implements AsyncDisposable {
  readonly socketPath: string;
  readonly project: string | undefined;
  readonly clock: Clock;
  readonly agent: Agent;
  readonly #observe: (sample: Sample) => void;

  constructor({ socketPath, clock, project, observe = () => {} }: TransportOptions) {
    this.socketPath = socketPath;
    this.project = project;
    this.clock = clock;
    this.#observe = observe;
    // Deadlines are ours: undici's own would cut off long waits for operations.
    this.agent = new Agent({ connect: incusConnector(socketPath), headersTimeout: 0, bodyTimeout: 0 });
  }

  /**
   * Sends a call and gives the whole reply, whatever its status. A GET that loses its connection is sent once more;
   * nothing else is ever sent twice.
   *
   * @throws {IncusError} `transient`, `forbidden` or, for a write that may have been carried out, `unknown-outcome`.
   * @throws the reason of the signal when it aborts.
   */
  async send(call: Call): Promise<Reply> {
    // Made before anything is sent: what they throw is a bug of the caller's.
    const url = this.url(call);
    const options = this.#options(call);
    try {
      return await this.#once(call, url, options);
    } catch (error) {
      if (call.method !== 'GET' || !isLostConnection(error)) throw error;
      return this.#once(call, url, options);
    }
  }

  async #once(call: Call, url: string, options: SendOptions): Promise<Reply> {
    const started = this.clock.monotonic();
    const done = (code: number | string) =>
      this.#observe({ method: call.method, route: call.route, code, durationMs: this.clock.monotonic() - started });
    using deadline = openDeadline(this.clock, call.timeoutMs ?? defaultTimeoutMs, call.signal);
    try {
      const response = await request(url, { ...options, signal: deadline.signal });
      const reply = {
        status: response.statusCode,
        headers: response.headers,
        body: await readBody(response.body, call),
      };
      done(reply.status);
      return reply;
    } catch (error) {
      const translated = this.#failure(call, error, deadline.hasPassed());
      done(translated instanceof IncusError ? translated.code : 'aborted');
      throw translated;
    }
  }

  /** Address of a call: names are escaped, the project is added. */
  url({ route, params = {}, query = {} }: Pick<Call, 'route' | 'params' | 'query'>): string {
    const path = route.replace(/\{(\w+)\}/g, (_, name: string) => pathSegment(params[name]));
    const search = new URLSearchParams(this.project === undefined ? query : { project: this.project, ...query });
    return search.size === 0 ? `http://incus${path}` : `http://incus${path}?${search.toString()}`;
  }

  #options({ method, json, body, headers, etag }: Call): SendOptions {
    return {
      dispatcher: this.agent,
      method,
      headers: {
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(etag === undefined ? {} : { 'if-match': `"${etag}"` }),
        ...headers,
      },
      body: json === undefined ? (body ?? null) : JSON.stringify(json),
    };
  }

  #failure(call: Call, error: unknown, hasTimedOut: boolean): unknown {
    if (error instanceof IncusError || errorCode(error) === 'UND_ERR_INVALID_ARG') return error;
    if (call.signal?.aborted) return call.signal.reason;
    const isWrite = call.method !== 'GET';
    if (!hasTimedOut) return silenceError({ what: call.what, socketPath: this.socketPath, isWrite, cause: error });
    return new IncusError({
      class: isWrite ? 'unknown-outcome' : 'transient',
      what: call.what,
      text: `no reply within ${call.timeoutMs ?? defaultTimeoutMs} ms`,
      code: 'incus.timeout',
      hint: 'incusd is overloaded or hangs; see its log.',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.destroy();
  }
}

function pathSegment(value: string | undefined): string {
  // `.` and `..` would be folded away by the URL parser and name another thing.
  if (value === undefined || value === '' || value === '.' || value === '..') {
    throw new TypeError(`Not a name for a path: ${JSON.stringify(value)}`);
  }
  return encodeURIComponent(value);
}

async function readBody(body: Dispatcher.ResponseData['body'], { maxBytes, what }: Call): Promise<Buffer> {
  if (maxBytes === undefined) return Buffer.from(await body.arrayBuffer());
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new IncusError({
        class: 'invalid',
        what,
        text: `it is larger than ${maxBytes} bytes`,
        code: 'incus.too-large',
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const lostConnection = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

function isLostConnection(error: unknown): boolean {
  return error instanceof IncusError && lostConnection.has(errorCode(error.cause) ?? '');
}
