import { createSocket } from 'node:dgram';
import type { Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server as StreamServer, Socket } from 'node:net';
import { backoffMs } from '../../base/backoff.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { messageOf, Problem } from '../../base/problem.ts';

/** What a name server needs. */
export interface NameServerInit {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly address: string;
  readonly port: number;
  /** Whether anything that comes from an address is looked at. */
  readonly isKnown: (from: string) => boolean;
  /** Answers one packet; undefined leaves it without an answer. Never throws. */
  readonly answer: (packet: Buffer, from: string, transport: 'udp' | 'tcp') => Promise<Buffer | undefined>;
  /** Told once when the address cannot be listened on, and with undefined when it can (again). */
  readonly onProblem: (problem: Problem | undefined) => void;
}

const rebind = { baseMs: 100, capMs: 2_000, jitter: 0.2 };
/** Connections at the same time, in all and from one sandbox. */
const mostStreams = 1_024;
const mostStreamsEach = 16;
/** A connection without a question for so long is ended, in milliseconds. */
const idleMs = 10_000;
const longestMessage = 65_535;

/** Answers questions at one address until the signal aborts. While the bridge is away it tries again and again. */
export async function serveNames(init: NameServerInit): Promise<void> {
  let failures = 0;
  while (!init.signal.aborted) {
    const ending = new AbortController();
    const signal = AbortSignal.any([init.signal, ending.signal]);
    try {
      const streams = await openStreams(init, signal);
      const datagrams = await openDatagrams(init, signal);
      failures = 0;
      init.onProblem(undefined);
      await Promise.race([once(streams, 'error', { signal }), once(datagrams, 'error', { signal })]);
    } catch (error) {
      if (init.signal.aborted) return;
      failures += 1;
      if (failures === 1) init.onProblem(notListening(init, error));
    } finally {
      ending.abort();
    }
    await pause(init.clock, backoffMs(rebind, Math.max(1, failures), Math.random()), init.signal);
  }
}

function notListening({ address, port }: NameServerInit, cause: unknown): Problem {
  return new Problem({
    code: 'dns.listen',
    message: `Sandboxes with an allowlist cannot look names up at ${address}: port ${port} cannot be had: ${messageOf(cause)}`,
    hint: `See who has it with: ss -lntup sport = :${port}. It is tried again until it works.`,
    retry: 'backoff',
    cause,
  });
}

async function openDatagrams(init: NameServerInit, signal: AbortSignal): Promise<DatagramSocket> {
  const { address, port } = init;
  const isIPv6 = address.includes(':');
  const answerDatagram = async (packet: Buffer, from: string, fromPort: number): Promise<void> => {
    const reply = await init.answer(packet, from, 'udp');
    // Who asked may be gone, and so may this socket: there is nobody to tell.
    if (reply && !signal.aborted) socket.send(reply, fromPort, from, () => undefined);
  };
  const socket = createSocket({ type: isIPv6 ? 'udp6' : 'udp4', ipv6Only: isIPv6, recvBufferSize: 2 ** 20, signal });
  socket.on('message', (packet, { address: from, port: fromPort }) => {
    if (init.isKnown(from)) void answerDatagram(packet, from, fromPort);
  });
  socket.bind({ address, port, exclusive: true });
  await once(socket, 'listening', { signal });
  return socket;
}

async function openStreams(init: NameServerInit, signal: AbortSignal): Promise<StreamServer> {
  const { address, port } = init;
  const open = new Map<string, number>();
  const server = createServer((socket) => {
    const from = socket.remoteAddress ?? '';
    const count = open.get(from) ?? 0;
    // What goes wrong on a connection is its client's business: the connection ends.
    socket.on('error', () => socket.destroy());
    if (!init.isKnown(from) || count >= mostStreamsEach) {
      socket.destroy();
      return;
    }
    open.set(from, count + 1);
    socket.on('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left === 0) open.delete(from);
      else open.set(from, left);
    });
    socket.setTimeout(idleMs, () => socket.destroy());
    void answerStream(socket, (packet) => init.answer(packet, from, 'tcp'));
  });
  server.maxConnections = mostStreams;
  signal.addEventListener('abort', () => server.close(), { once: true });
  server.listen({ host: address, port, ipv6Only: address.includes(':'), exclusive: true });
  await once(server, 'listening', { signal });
  return server;
}

/** One question after the other, each with its length in front. See RFC 7766. */
async function answerStream(socket: Socket, answer: (packet: Buffer) => Promise<Buffer | undefined>): Promise<void> {
  let received = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const reply = await answer(received.subarray(2, end));
        received = received.subarray(end);
        if (!reply || reply.length > longestMessage) return void socket.destroy();
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([length, reply]));
      }
    }
  } catch {
    // The client hung up, or was too slow: the connection has ended, and nothing else depends on it.
    socket.destroy();
  }
}
