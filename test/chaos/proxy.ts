import { rmSync } from 'node:fs';
import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { relayEvents, type EventTap } from './relay-events.ts';

/** One call as the controller made it. */
export interface SeenCall {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly isWrite: boolean;
  /** `w3` is the third write, `r5` the fifth read since the count began. */
  readonly index: string;
  /** Milliseconds, monotonic. */
  readonly at: number;
}

/** A whole reply. With `cutAt` only so many bytes of the body arrive before the connection is reset. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly cutAt?: number;
}

/** What becomes of a call: its answer, or `lost` when the connection is reset without one. */
export type Interceptor = (call: SeenCall, forward: () => Promise<Answer>) => Promise<Answer | 'lost'>;

const passOn: Interceptor = (_, forward) => forward();

/**
 * Stands between a controller and incusd on a unix socket of its own: counts and records every call, and lets an
 * interceptor decide what becomes of each. Events pass through {@link EventTap}.
 */
export class FaultProxy implements AsyncDisposable {
  readonly socket: string;
  readonly calls: SeenCall[] = [];
  intercept: Interceptor = passOn;
  readonly events: EventTap = { deliver: undefined, seen: 0, isCut: false };
  readonly #target: string;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #open = new Set<Duplex>();
  #writes = 0;
  #reads = 0;

  constructor(socket: string, target: string) {
    this.socket = socket;
    this.#target = target;
    this.#server = createServer((asked, reply) => void this.#serve(asked, reply));
    this.#server.on('connection', (connection: Duplex) => {
      this.#open.add(connection);
      connection.on('error', () => connection.destroy());
      connection.once('close', () => this.#open.delete(connection));
    });
    this.#server.on('upgrade', (asked, client, head) =>
      relayEvents({ asked, client, head, target: this.#target, tap: this.events }),
    );
  }

  async listen(): Promise<void> {
    rmSync(this.socket, { force: true });
    await new Promise<void>((resolve) => this.#server.listen(this.socket, resolve));
  }

  /** Count from one again, with nothing intercepted. */
  reset(): void {
    this.calls.length = 0;
    this.#writes = 0;
    this.#reads = 0;
    this.intercept = passOn;
    Object.assign(this.events, { deliver: undefined, seen: 0, isCut: false });
  }

  /** Ends every connection, as a restart of incusd does. */
  dropConnections(): void {
    for (const connection of this.#open) connection.destroy();
  }

  async #serve(asked: IncomingMessage, reply: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of asked) parts.push(part as Buffer);
    const call = this.#note(asked);
    let forwarded: Promise<Answer> | undefined;
    const forward = () => (forwarded ??= this.#forward(asked, Buffer.concat(parts)));
    try {
      const answer = await this.intercept(call, forward);
      if (answer === 'lost') reply.socket?.destroy();
      else send(reply, answer);
    } catch {
      // incusd is away: the controller sees its connection lost.
      reply.socket?.destroy();
    }
  }

  #note({ method = 'GET', url = '' }: IncomingMessage): SeenCall {
    const isWrite = method !== 'GET';
    const index = isWrite ? `w${(this.#writes += 1)}` : `r${(this.#reads += 1)}`;
    const call = { method, path: url.split('?')[0]!, isWrite, index, at: performance.now() };
    this.calls.push(call);
    return call;
  }

  #forward({ method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const init = { socketPath: this.#target, method, path: url, headers, agent: this.#agent };
    const sent = request(init, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }),
      );
    });
    sent.once('error', reject);
    sent.end(body);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dropConnections();
    this.#agent.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function send(reply: ServerResponse, { status, headers, body, cutAt }: Answer): void {
  const { 'transfer-encoding': _, ...kept } = headers;
  reply.writeHead(status, { ...kept, 'content-length': body.length });
  if (cutAt === undefined) reply.end(body);
  else reply.write(body.subarray(0, cutAt), () => reply.socket?.destroy());
}

/** A reply as incusd writes its refusals. */
export function refusal(status: number, text: string): Answer {
  const body = Buffer.from(JSON.stringify({ type: 'error', error: text, error_code: status, metadata: null }));
  return { status, headers: { 'content-type': 'application/json' }, body };
}
