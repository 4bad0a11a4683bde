import { z } from 'zod';
import { refusalError } from './classify.ts';
import { IncusError } from './errors.ts';
import { parseOperation, type StartedOperation } from './operation.ts';
import type { Call, Reply, Transport } from './transport.ts';

/** What a call that is done at once gave back. */
export interface Answer<T> {
  readonly value: T;
  /** Version of what was read, for `If-Match`; empty when Incus gave none. */
  readonly etag: string;
}

const envelope = z.looseObject({
  type: z.enum(['sync', 'async', 'error']),
  error: z.string().default(''),
  error_code: z.number().default(0),
  metadata: z.unknown(),
});

/**
 * Incus' REST conventions on top of HTTP: the envelope around each reply, background operations, errors.
 * @see Incus documentation, "REST API", "Return values"
 */
export class Api {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /**
   * A call that is done when it answers.
   *
   * @param parse turns the reply's metadata into what is meant; what it throws becomes `incus.bad-reply`
   * @throws {IncusError} as Incus refused it, or as the transport failed.
   */
  async sync<T>(call: Call, parse: (metadata: unknown) => T): Promise<Answer<T>> {
    const reply = await this.transport.send(call);
    const { metadata } = openEnvelope(call, reply);
    return { value: parsed(call, () => parse(metadata)), etag: etagOf(reply) };
  }

  /** A call that changes something and is done when it answers. */
  async done(call: Call): Promise<void> {
    await this.sync(call, () => undefined);
  }

  /**
   * A call that Incus goes on working on after it has answered.
   *
   * @throws {IncusError} when Incus refused it at once; that it began says nothing about how it ends.
   */
  async begin(call: Call): Promise<StartedOperation> {
    const startedAt = this.transport.clock.monotonic();
    const { metadata } = openEnvelope(call, await this.transport.send(call));
    return parsed(call, () => ({ operation: parseOperation(metadata), what: call.what, startedAt }));
  }

  /** A reply that is not JSON but the thing itself: a file, a log. */
  async raw<T>(call: Call, parse: (reply: Reply) => T): Promise<T> {
    const reply = await this.transport.send(call);
    if (reply.status >= 400) openEnvelope(call, reply);
    return parsed(call, () => parse(reply));
  }
}

function openEnvelope(call: Call, { status, body }: Reply) {
  const opened = parsed(call, () => envelope.parse(JSON.parse(body.toString('utf8'))), status);
  if (opened.type === 'error' || status >= 400) {
    const { what, route } = call;
    throw refusalError({ what, route, status: opened.error_code || status, text: opened.error });
  }
  return opened;
}

function parsed<T>(call: Call, parse: () => T, status?: number): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof IncusError) throw cause;
    // A write was answered: it was carried out or refused, only we cannot tell which.
    throw new IncusError({
      class: call.method === 'GET' ? 'transient' : 'unknown-outcome',
      what: call.what,
      text: 'Incus gave a reply that makes no sense',
      code: 'incus.bad-reply',
      cause,
      ...(status === undefined ? {} : { status }),
    });
  }
}

function etagOf({ headers }: Reply): string {
  const etag = headers['etag'];
  return typeof etag === 'string' ? etag.replaceAll('"', '') : '';
}
