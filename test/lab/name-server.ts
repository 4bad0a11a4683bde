import { createSocket } from 'node:dgram';
import type { Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode, encode, streamEncode, RECURSION_AVAILABLE, TRUNCATED_RESPONSE } from 'dns-packet';
import type { Answer, DecodedPacket, Packet, Question } from 'dns-packet';

/** What a name has: records in the order in which they are told. A name that is not there does not exist. */
export type Zone = Readonly<Record<string, readonly ZoneRecord[]>>;

export interface ZoneRecord {
  readonly type: 'A' | 'AAAA' | 'CNAME';
  readonly data: string;
  /** Seconds; 60 unless given. */
  readonly ttl?: number;
}

/** How a server behaves. */
export interface Manners {
  readonly zone: Zone;
  /** Milliseconds until it answers. */
  readonly delayMs?: number;
  /** Says nothing at all. */
  readonly mute?: boolean;
  /** Response code of every answer: 2 SERVFAIL, 5 REFUSED. */
  readonly rcode?: number;
  /** Tells by UDP only that the answer does not fit. */
  readonly streamOnly?: boolean;
  /** Tells only the first record of a chain, and leaves asking on to others. */
  readonly short?: boolean;
  /** Names that say something else each time: the next of these addresses, over and over. */
  readonly turns?: Readonly<Record<string, readonly ZoneRecord[]>>;
  /** Bytes that come before each answer, from a server that wants to be mistaken for this one. */
  readonly forged?: 'id' | 'question' | 'noise';
}

/** A real name server with UDP and TCP for tests: it answers from a zone, and notes what it was asked. */
export class NameServer implements AsyncDisposable {
  manners: Manners;
  /** `TYPE NAME` of every question, oldest first. */
  readonly asked: string[] = [];
  readonly onAsked: (question: string) => void;
  readonly #udp: DatagramSocket;
  readonly #tcp: Server;
  readonly #turns = new Map<string, number>();

  constructor(manners: Manners, onAsked: (question: string) => void, udp: DatagramSocket, tcp: Server) {
    this.manners = manners;
    this.onAsked = onAsked;
    this.#udp = udp;
    this.#tcp = tcp;
  }

  get port(): number {
    return this.#udp.address().port;
  }

  /** @param port any free one where it is 0 */
  static async open(
    manners: Manners,
    { host = '127.0.0.1', port = 0, onAsked = () => undefined }: ServerPlace = {},
  ): Promise<NameServer> {
    const { udp, tcp } = await listen(host, port);
    const server = new NameServer(manners, onAsked, udp, tcp);
    udp.on('message', (packet, from) => void server.#byDatagram(packet, from));
    tcp.on('connection', (socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk) => {
        const reply = server.#reply(chunk.subarray(2));
        if (reply) socket.write(streamEncode(reply));
      });
    });
    return server;
  }

  async #byDatagram(packet: Buffer, from: { port: number; address: string }): Promise<void> {
    const reply = this.#reply(packet);
    if (!reply) return;
    const { forged, streamOnly, delayMs = 0 } = this.manners;
    if (delayMs > 0) await sleep(delayMs);
    const send = (each: Packet | Buffer) =>
      this.#udp.send(Buffer.isBuffer(each) ? each : encode(each), from.port, from.address);
    if (forged) send(forgery(reply, forged));
    if (streamOnly) send({ ...reply, flags: (reply.flags ?? 0) | TRUNCATED_RESPONSE, answers: [] });
    else send(reply);
  }

  #reply(packet: Buffer): Packet | undefined {
    const { id, questions = [] } = readPacket(packet);
    const [question] = questions;
    if (!question) return undefined;
    const text = `${question.type} ${question.name}`;
    this.asked.push(text);
    this.onAsked(text);
    const { mute, rcode = 0 } = this.manners;
    if (mute) return undefined;
    const answers = rcode === 0 ? this.#records(question) : [];
    const code = rcode || (answers ? 0 : 3);
    return {
      type: 'response',
      id: id ?? 0,
      flags: RECURSION_AVAILABLE | code,
      questions: [question],
      answers: answers ?? [],
    };
  }

  #nextTurn(name: string, type: string): readonly ZoneRecord[] | undefined {
    const records = this.manners.turns?.[name]?.filter((record) => record.type === type);
    if (!records || records.length === 0) return undefined;
    const turn = this.#turns.get(name) ?? 0;
    this.#turns.set(name, turn + 1);
    return [records[turn % records.length]!];
  }

  /** The chain from a name to its records; undefined when there is no such name. */
  #records({ name, type }: Question): Answer[] | undefined {
    const { zone, short } = this.manners;
    const answers: Answer[] = [];
    let at = name;
    for (let length = 0; length < 20; length += 1) {
      const records = this.#nextTurn(at.toLowerCase(), type) ?? zone[at.toLowerCase()];
      if (!records) return answers.length > 0 ? answers : undefined;
      const alias = records.find((record) => record.type === 'CNAME');
      const own = alias ? [alias] : records.filter((record) => record.type === type);
      answers.push(...own.map(({ ttl = 60, ...record }) => ({ ...record, name: at, ttl, class: 'IN' as const })));
      if (!alias || short) break;
      at = alias.data;
    }
    return answers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#tcp.close();
    await Promise.resolve();
  }
}

/** What somebody sends who does not know all of a question. */
function forgery(reply: Packet, forged: NonNullable<Manners['forged']>): Packet | Buffer {
  const { id = 0, questions = [] } = reply;
  const answers: Answer[] = questions.map(({ name }) => ({ type: 'A', name, ttl: 60, data: '203.0.113.66' }));
  if (forged === 'id') return { ...reply, id: id ^ 1, answers };
  if (forged === 'question') return { ...reply, questions: [{ type: 'A', name: 'other.test' }], answers };
  return Buffer.from('ff00ff00', 'hex');
}

/** What a packet says; nothing when it is none, as sandboxes can have forwarded. */
function readPacket(packet: Buffer): Partial<DecodedPacket> {
  try {
    return decode(packet);
  } catch {
    return {};
  }
}

/** Where a server listens. */
export interface ServerPlace {
  readonly host?: string;
  readonly port?: number;
  readonly onAsked?: (question: string) => void;
}

/** Both kinds of socket on one port; a free one for one kind may be taken for the other. */
async function listen(host: string, port: number): Promise<{ udp: DatagramSocket; tcp: Server }> {
  for (let tries = 0; ; tries += 1) {
    const udp = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
    udp.bind(port, host);
    await once(udp, 'listening');
    const tcp = createServer();
    tcp.listen({ host, port: udp.address().port });
    try {
      await once(tcp, 'listening');
      return { udp, tcp };
    } catch (error) {
      udp.close();
      if (port !== 0 || tries === 20) throw error;
    }
  }
}
