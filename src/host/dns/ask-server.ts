import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { decode, encode, RECURSION_DESIRED, streamEncode } from 'dns-packet';
import type { DecodedPacket, Packet, Question } from 'dns-packet';
import type { Server } from './resolv-conf.ts';
import type { UpstreamSockets } from './upstream-sockets.ts';
import { rcodeOf, rcodes, sameName } from './upstream-answer.ts';
import { datagramSize } from './wire.ts';

/** A question to one server. */
export interface Ask {
  readonly server: Server;
  readonly sockets: UpstreamSockets;
  readonly name: string;
  readonly type: 'A' | 'AAAA';
  /** Ends the wait for an answer. */
  readonly signal: AbortSignal;
}

/**
 * Asks one server once: by UDP, from a port and with a number that nobody can guess, and by TCP when the answer is too
 * long for that. Only what answers this question, from that server, counts. See RFC 5452.
 *
 * @throws whatever the network says, and the signal's reason
 */
export async function askServer(ask: Ask): Promise<DecodedPacket> {
  const packet: Packet = {
    type: 'query',
    id: randomInt(0x1_0000),
    flags: RECURSION_DESIRED,
    questions: [{ type: ask.type, name: ask.name, class: 'IN' }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: datagramSize,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  };
  const answer = await askByDatagram(ask, packet);
  if (rcodeOf(answer) === rcodes.notUnderstood) return askByDatagram(ask, { ...packet, additionals: [] });
  return answer.flag_tc ? askByStream(ask, packet) : answer;
}

async function askByDatagram({ server, sockets, signal }: Ask, packet: Packet): Promise<DecodedPacket> {
  const { promise, resolve, reject } = Promise.withResolvers<DecodedPacket>();
  const bytes = encode(packet);
  const socket = await sockets.take(server);
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  socket.on('error', reject);
  socket.on('message', (message) => {
    const answer = readMatching(message, packet);
    if (answer) resolve(answer);
  });
  socket.send(bytes, (error) => {
    if (error) reject(error);
  });
  return promise.finally(() => {
    signal.removeEventListener('abort', stop);
    socket.close();
  });
}

function askByStream(ask: Ask, packet: Packet): Promise<DecodedPacket> {
  const { server, signal } = ask;
  const { promise, resolve, reject } = Promise.withResolvers<DecodedPacket>();
  const socket = connect({ host: server.address, port: server.port, signal });
  let received = Buffer.alloc(0);
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`${server.address} ended the connection without an answer`)));
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
    const answer = readMatching(received.subarray(2, 2 + received.readUInt16BE(0)), packet);
    if (answer) resolve(answer);
    else reject(new Error(`${server.address} answered something else`));
  });
  socket.on('connect', () => socket.write(streamEncode(packet)));
  return promise.finally(() => socket.destroy());
}

/** The answer to a question; undefined for everything else that may arrive. */
function readMatching(message: Buffer, { id, questions }: Packet): DecodedPacket | undefined {
  try {
    const answer = decode(message);
    const isAnswer = answer.type === 'response' && answer.id === id;
    return isAnswer && repeats(answer.questions ?? [], questions ?? []) ? answer : undefined;
  } catch {
    // Not a message at all: the wait for the answer goes on.
    return undefined;
  }
}

function repeats(given: readonly Question[], [asked]: readonly Question[]): boolean {
  const [question] = given;
  if (!question || !asked || given.length !== 1) return false;
  return question.type === asked.type && sameName(question.name, asked.name);
}
