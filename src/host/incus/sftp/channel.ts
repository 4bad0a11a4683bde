import type { OnReadOpts, Socket } from 'node:net';
import { FieldReader, uint32 } from './fields.ts';
import { PacketStream } from './packet-stream.ts';
import { SftpError, SftpLost } from './sftp-error.ts';

/** Numbers of packets: draft-ietf-secsh-filexfer-02, section 3. */
export const packets = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fsetstat: 10,
  setstat: 9,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  stat: 17,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attributes: 105,
  extended: 200,
} as const;

/** Makes the connection that the bytes come over, read in the way given. */
export type OpenSocket = (onread: OnReadOpts) => Socket;

/** What is sent, and what is expected back. */
export interface Request<T> {
  readonly type: number;
  readonly fields: readonly Uint8Array[];
  readonly reply: number;
  /** Called while the reply's bytes are valid. What it throws rejects this request only. */
  readonly parse: (fields: FieldReader) => T;
}

interface Waiting {
  readonly take: (type: number, fields: FieldReader) => void;
  readonly fail: (error: unknown) => void;
}

/** The id under which the answer to the greeting is awaited; requests count from 1. */
const greeting = 0;

/** Bytes that a socket is read into, again and again. */
const bufferBytes = 2 ** 18;

/** Requests and replies on one connection, any number of them under way. */
export class Channel implements Disposable {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #lost: SftpLost | undefined;
  #replies = 0;

  constructor(open: OpenSocket) {
    const stream = new PacketStream((packet) => this.#dispatch(packet));
    const callback = (length: number, buffer: Uint8Array) => {
      try {
        stream.add(Buffer.from(buffer.buffer, buffer.byteOffset, length));
      } catch (error) {
        this.#lose(new SftpLost('what came over the connection makes no sense', error));
      }
      return true;
    };
    this.#socket = open({ buffer: Buffer.allocUnsafe(bufferBytes), callback });
    this.#socket.on('error', (error) => this.#lose(new SftpLost(`the connection was lost (${error.message})`, error)));
    this.#socket.on('close', () => this.#lose(new SftpLost('the connection was closed')));
  }

  /** Replies that have come so far: whoever waits can see whether anything happens at all. */
  get replies(): number {
    return this.#replies;
  }

  /** Requests without a reply yet. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Tells the server the version that is spoken here. @returns the server's */
  greet(version: number): Promise<number> {
    const answer = this.#expect(greeting, { reply: packets.version, parse: (fields) => fields.uint32() });
    this.#write([Buffer.of(packets.init), uint32(version)]);
    return answer;
  }

  /** @throws {SftpError} when the server refuses; {@link SftpLost} when there is nobody to ask any more */
  send<T>({ type, fields, ...expected }: Request<T>): Promise<T> {
    this.#lastId = (this.#lastId % 0xffff_ffff) + 1;
    const answer = this.#expect(this.#lastId, expected);
    this.#write([Buffer.of(type), uint32(this.#lastId), ...fields]);
    return answer;
  }

  #expect<T>(id: number, { reply, parse }: Pick<Request<T>, 'reply' | 'parse'>): Promise<T> {
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise<T>((resolve, reject) => {
      const take = (type: number, fields: FieldReader) => {
        if (type === packets.status) this.#takeStatus(fields, reply, reject);
        if (type === reply) resolve(parse(fields));
        else if (type !== packets.status) throw new RangeError(`a packet of kind ${type} instead of ${reply}`);
      };
      this.#waiting.set(id, { take, fail: reject });
    });
  }

  #takeStatus(fields: FieldReader, reply: number, reject: (error: unknown) => void): void {
    const code = fields.uint32();
    if (code !== 0) reject(new SftpError(code, fields.string().toString('utf8')));
    else if (reply !== packets.status) throw new RangeError('a request that was granted without what it asked for');
  }

  #dispatch(packet: Buffer): void {
    const fields = new FieldReader(packet);
    const type = fields.uint8();
    const id = type === packets.version ? greeting : fields.uint32();
    const waiting = this.#waiting.get(id);
    if (!waiting) throw new RangeError('a reply to nothing that was asked');
    this.#waiting.delete(id);
    this.#replies += 1;
    try {
      waiting.take(type, fields);
    } catch (error) {
      waiting.fail(error);
      if (error instanceof RangeError) throw error;
    }
  }

  #write(parts: readonly Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.#socket.cork();
    // Only the last part is ever long.
    this.#socket.write(Buffer.concat([uint32(length), ...parts.slice(0, -1)]));
    this.#socket.write(parts.at(-1)!);
    this.#socket.uncork();
  }

  #lose(error: SftpLost): void {
    if (this.#lost) return;
    this.#lost = error;
    this.#socket.destroy();
    for (const { fail } of this.#waiting.values()) fail(error);
    this.#waiting.clear();
  }

  /** Ends the connection; whatever is under way fails. */
  [Symbol.dispose](): void {
    this.#lose(new SftpLost('the connection was ended here'));
  }
}
