import { decode } from 'dns-packet';
import { parseAddress } from '../../network/address.ts';

/** A question as it came in. */
export interface Query {
  readonly id: number;
  /** As asked for, upper and lower case kept. */
  readonly name: string;
  /** Kind of record: `A`, `TXT`, `UNKNOWN_999`. */
  readonly type: string;
  /** Bytes that the asker takes in one datagram. */
  readonly udpSize: number;
  readonly isExtended: boolean;
  /** The question's own bytes, for the answer to repeat. */
  readonly question: Buffer;
  readonly wantsRecursion: boolean;
}

/** What is answered. `ttl` in seconds. */
export type Reply =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttl: number }
  | { readonly kind: 'empty' | 'absent' | 'failed' | 'refused' };

const headerLength = 12;
/** Longest question that is read: names have 255 bytes, and what comes beside them is small. */
const longestQuery = 1_232;
/** Datagrams that pass nearly everywhere. See "DNS flag day 2020". */
export const datagramSize = 1_232;
const smallestDatagram = 512;
const rcodes = { addresses: 0, empty: 0, failed: 2, absent: 3, refused: 5 } as const;

/** Reads a question of a client; undefined when it is none that can be answered. Never throws. See RFC 1035, section 4. */
export function readQuery(packet: Buffer): Query | undefined {
  const end = isPlainQuestion(packet) ? questionEnd(packet) : undefined;
  if (end === undefined) return undefined;
  try {
    const { questions, additionals } = decode(packet);
    const [question] = questions ?? [];
    if (!question || question.class !== 'IN') return undefined;
    const extension = additionals?.find(({ type }) => type === 'OPT') as { udpPayloadSize?: number } | undefined;
    return {
      id: packet.readUInt16BE(0),
      name: question.name,
      type: question.type,
      udpSize: Math.min(datagramSize, Math.max(smallestDatagram, extension?.udpPayloadSize ?? 0)),
      isExtended: extension !== undefined,
      question: packet.subarray(headerLength, end),
      wantsRecursion: (packet.readUInt16BE(2) & 0x0100) !== 0,
    };
  } catch {
    // The library says in this way that the bytes are no message; nobody is owed an answer to those.
    return undefined;
  }
}

/** Whether the header announces one question and, beside it, at most what extends it. */
function isPlainQuestion(packet: Buffer): boolean {
  if (packet.length < headerLength || packet.length > longestQuery) return false;
  const [flags = 0, questions, answers, authorities, additionals = 0] = [2, 4, 6, 8, 10].map((at) =>
    packet.readUInt16BE(at),
  );
  // An answer, another operation, or cut off.
  if ((flags & 0xfa00) !== 0) return false;
  return questions === 1 && answers === 0 && authorities === 0 && additionals <= 4;
}

/** Where the question's bytes end; undefined when its name is not written out, which nothing allows before it. */
function questionEnd(packet: Buffer): number | undefined {
  for (let at = headerLength; at < packet.length; at += packet[at]! + 1) {
    if (packet[at]! > 63) return undefined;
    if (packet[at] === 0) return at + 5 <= packet.length ? at + 5 : undefined;
  }
  return undefined;
}

/**
 * The bytes of an answer. Addresses refer to the name in the question (RFC 1035, section 4.1.4), which the library does
 * not do: many of them fit into one datagram. Those that do not fit are left out, and the answer says so.
 *
 * @param limit bytes that fit
 */
export function writeReply(query: Query, reply: Reply, limit: number): Buffer {
  const addresses = reply.kind === 'addresses' ? reply.addresses : [];
  const records = addresses.map((address) => addressRecord(address, reply.kind === 'addresses' ? reply.ttl : 0));
  const extension = query.isExtended ? extensionRecord() : Buffer.alloc(0);
  const room = limit - headerLength - query.question.length - extension.length;
  const size = records[0]?.length ?? 1;
  const fitting = records.slice(0, Math.max(0, Math.floor(room / size)));
  const isCut = fitting.length < records.length;
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(query.id, 0);
  const flags = 0x8080 | (query.wantsRecursion ? 0x0100 : 0) | (isCut ? 0x0200 : 0) | rcodes[reply.kind];
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(fitting.length, 6);
  header.writeUInt16BE(query.isExtended ? 1 : 0, 10);
  return Buffer.concat([header, query.question, ...fitting, extension]);
}

function addressRecord(text: string, ttl: number): Buffer {
  const { family, value } = parseAddress(text)!;
  const width = family === 4 ? 4 : 16;
  const record = Buffer.alloc(12 + width);
  record.writeUInt16BE(0xc000 | headerLength, 0);
  record.writeUInt16BE(family === 4 ? 1 : 28, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(ttl, 6);
  record.writeUInt16BE(width, 10);
  record.write(value.toString(16).padStart(width * 2, '0'), 12, 'hex');
  return record;
}

/** EDNS version 0 without options. See RFC 6891. */
function extensionRecord(): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(41, 1);
  record.writeUInt16BE(datagramSize, 3);
  return record;
}
