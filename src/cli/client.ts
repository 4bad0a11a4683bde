import { connect as connectSocket, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { Problem, ProblemList, type Position, type Retry } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';

/** Where to ask. */
export interface ClientInit {
  /** Path of the admin socket. */
  readonly path: string;
  /** Ends every request. */
  readonly signal: AbortSignal;
}

/**
 * A controller behind its admin socket.
 *
 * Speaks HTTP/1.0, in which a body ends with the connection and has no chunks, over node:net: loading node:http takes
 * longer than the whole request. See RFC 1945.
 */
export function openClient(init: ClientInit): ControlApi {
  const call =
    (method: string) =>
    (options: object = {}): Promise<never> =>
      request(init, method, options) as Promise<never>;
  const streamed =
    (method: string) =>
    ({ signal, ...options }: { readonly signal: AbortSignal }) =>
      lines({ ...init, signal: AbortSignal.any([init.signal, signal]) }, method, options);
  return {
    status: call('status'),
    plan: call('plan'),
    store: call('store'),
    reconcile: call('reconcile'),
    delete: call('delete'),
    freeze: call('freeze'),
    resume: call('resume'),
    suspend: call('suspend'),
    unsuspend: call('unsuspend'),
    confirmDeletes: call('confirmDeletes'),
    adopt: call('adopt'),
    openSession: call('openSession'),
    endSession: call('endSession'),
    shutDown: call('shutDown'),
    persist: call('persist'),
    launch: call('launch'),
    setPower: call('setPower'),
    addMount: call('addMount'),
    createSnapshot: call('createSnapshot'),
    restoreSnapshot: call('restoreSnapshot'),
    deleteSnapshot: call('deleteSnapshot'),
    fork: call('fork'),
    awaitSandbox: ({ signal, ...options }) => {
      const until = { ...init, signal: AbortSignal.any([init.signal, signal]) };
      return request(until, 'awaitSandbox', options) as Promise<never>;
    },
    denials: call('denials'),
    policy: call('policy'),
    policyTest: call('policyTest'),
    orphans: call('orphans'),
    removeOrphans: call('removeOrphans'),
    monitor: call('monitor'),
    detections: streamed('detections'),
    events: streamed('events'),
  };
}

/** The error of a connection that could not be made, by its code; undefined when somebody answers. */
export async function probeSocket(path: string): Promise<string | undefined> {
  const socket = connectSocket(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  } finally {
    socket.destroy();
  }
}

async function request(init: ClientInit, method: string, options: object): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of send(init, method, options)) parts.push(part as Buffer);
  const { status, rest } = splitHead(Buffer.concat(parts));
  return resultOf(status, rest.toString('utf8'));
}

/** Answers that come one by one, each a line. */
async function* lines(
  init: ClientInit,
  method: string,
  options: object,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  let pending: Buffer = Buffer.alloc(0);
  let status: number | undefined;
  for await (const part of send(init, method, options)) {
    pending = Buffer.concat([pending, part as Buffer]);
    if (status === undefined) {
      if (!pending.includes(headEnd)) continue;
      ({ status, rest: pending } = splitHead(pending));
    }
    if (status !== 200) continue;
    for (let end = pending.indexOf(10); end !== -1; end = pending.indexOf(10)) {
      yield { ...parse(pending.subarray(0, end).toString('utf8')) };
      pending = pending.subarray(end + 1);
    }
  }
  if (status !== 200) resultOf(status ?? 0, pending.toString('utf8'));
}

function send({ path, signal }: ClientInit, method: string, options: object): Socket {
  const body = JSON.stringify(options);
  const socket = connectSocket(path);
  addAbortSignal(signal, socket);
  socket.write(
    `POST /v1/${method} HTTP/1.0\r\nHost: coi\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return socket;
}

const headEnd = '\r\n\r\n';

function splitHead(response: Buffer): { readonly status: number; readonly rest: Buffer } {
  const end = response.indexOf(headEnd);
  const status = Number(/^HTTP\/1\.\d (\d{3}) /.exec(response.toString('latin1', 0, Math.max(0, end)))?.[1]);
  if (!status) throw controllerGone();
  return { status, rest: response.subarray(end + headEnd.length) };
}

function resultOf(status: number, text: string): unknown {
  const answer = parse(text) as { readonly result?: unknown; readonly problem?: ProblemLike };
  if (answer.problem) throw problemFrom(answer.problem);
  if (status !== 200) throw controllerGone();
  return answer.result ?? undefined;
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw controllerGone(cause);
  }
  throw controllerGone();
}

function controllerGone(cause?: unknown): Problem {
  return new Problem({
    code: 'cli.controller-gone',
    message: 'The controller broke off before it had answered',
    hint: 'It may have been restarted: try again. If it stays so, see its log: journalctl -u coi',
    retry: 'backoff',
    cause,
  });
}

/** A problem as the admin socket writes it. */
interface ProblemLike {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly retry?: Retry;
  readonly position?: Position;
  readonly problems?: readonly ProblemLike[];
}

function problemFrom({ problems, ...init }: ProblemLike): Problem {
  return problems ? new ProblemList(problems.map(problemFrom)) : new Problem(init);
}
