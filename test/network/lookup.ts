import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { decode, encode, RECURSION_DESIRED, streamEncode } from 'dns-packet';
import type { DecodedPacket, Packet } from 'dns-packet';

/** One question to a name server. */
export interface Lookup {
  readonly name: string;
  /** `A` unless given. */
  readonly type?: string;
  readonly server: string;
  readonly port?: number;
  readonly tcp?: boolean;
  /** Address that it comes from. */
  readonly from?: string;
  /** How often it is sent; each time is waited for. */
  readonly tries?: number;
  readonly waitMs?: number;
  /** Tells each address with how long it holds: `192.0.2.1 60`. */
  readonly timed?: true;
}

/** What came back: addresses, or a word: `empty`, `absent`, `failed`, `refused`; `silent` when nothing did. */
export type LookedUp = readonly string[] | string;

const words = new Map([
  [2, 'failed'],
  [3, 'absent'],
  [5, 'refused'],
]);

/** Asks as a client does, by UDP or TCP. */
export async function lookUp(lookup: Lookup): Promise<LookedUp> {
  const { tries = 2, waitMs = 3_000, tcp } = lookup;
  for (let count = 0; count < tries; count += 1) {
    const answer = await (tcp ? byStream(lookup, waitMs) : byDatagram(lookup, waitMs));
    if (typeof answer === 'string') {
      if (answer === 'shut') return answer;
    } else return read(answer, lookup);
  }
  return 'silent';
}

function read({ flags = 0, answers = [] }: DecodedPacket, { timed }: Lookup): LookedUp {
  const word = words.get(flags & 0xf);
  if (word) return word;
  const data = answers.flatMap((answer) =>
    answer.type === 'A' || answer.type === 'AAAA'
      ? `${answer.data}${timed ? ` ${answer.ttl ?? 0}` : ''}`
      : `?${answer.type}`,
  );
  return data.length > 0 ? data.toSorted() : 'empty';
}

function packetOf({ name, type = 'A' }: Lookup): Packet {
  const question = { name, type: type as 'A', class: 'IN' as const };
  return { type: 'query', id: randomInt(0x1_0000), flags: RECURSION_DESIRED, questions: [question] };
}

function byDatagram(lookup: Lookup, waitMs: number): Promise<DecodedPacket | string> {
  return new Promise((resolve) => {
    const { server, port = 53 } = lookup;
    const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
    const end = (answer: DecodedPacket | string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end('silent'), waitMs);
    // An answer that says "not allowed" arrives as an error of the connected socket.
    socket.on('error', () => end('shut'));
    socket.on('message', (message) => end(decode(message)));
    socket.on('connect', () => socket.send(encode(packetOf(lookup))));
    socket.bind(0, lookup.from, () => socket.connect(port, server));
  });
}

function byStream(lookup: Lookup, waitMs: number): Promise<DecodedPacket | string> {
  return new Promise((resolve) => {
    const socket = connect({
      host: lookup.server,
      port: lookup.port ?? 53,
      ...(lookup.from === undefined ? {} : { localAddress: lookup.from }),
    });
    let received = Buffer.alloc(0);
    const end = (answer: DecodedPacket | string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end('silent'), waitMs);
    socket.on('error', () => end('shut'));
    socket.on('connect', () => socket.write(streamEncode(packetOf(lookup))));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) end(decode(received.subarray(2)));
    });
  });
}
