import { Socket } from 'node:net';
import { type Attributes, attributeSets, type NewAttributes, noAttributes, readAttributes } from './attributes.ts';
import { Channel, type OpenSocket, packets, type Request } from './channel.ts';
import { type FieldReader, string, uint32, uint64 } from './fields.ts';
import { SftpError, SftpLost } from './sftp-error.ts';

const version = 3;

/** Read; write, create, and nothing else: draft-ietf-secsh-filexfer-02, section 6.3. */
const openFlags = { read: 1, create: 2 | 8 | 32 };

/** Most bytes that Incus gives in one reply. */
export const chunkBytes = 32_768;

/** An open file or directory. */
export type Handle = Buffer;

/** A file as a directory names it. */
export interface NamedFile {
  /** Any bytes: what is inside decides. */
  readonly name: Buffer;
  /** Of a link, its own. */
  readonly attributes: Attributes;
}

/**
 * An SFTP client of version 3 on a connection without login, as Incus offers it. Requests may be sent without waiting for
 * those before; whoever sends bounds how many. Paths and names are bytes: the packages there are need SSH underneath and
 * take names for UTF-8. Everything throws {@link SftpError} when the server refuses, {@link SftpLost} when the connection is
 * of no more use.
 *
 * @see draft-ietf-secsh-filexfer-02; Incus documentation, "REST API", "instances/NAME/sftp"
 */
export class Sftp implements Disposable {
  readonly channel: Channel;

  private constructor(channel: Channel) {
    this.channel = channel;
  }

  /** Takes over a descriptor behind which the server waits. */
  static onDescriptor(fd: number): Promise<Sftp> {
    return Sftp.open((onread) => new Socket({ fd, onread }));
  }

  /** Takes over a connection on which the server waits. */
  static onSocket(socket: Socket): Promise<Sftp> {
    return Sftp.open((onread) => socket.on('data', (bytes: Buffer) => onread.callback(bytes.length, bytes)));
  }

  /** Greets the server. @throws {SftpLost} also when it speaks no version that is known here */
  static async open(openSocket: OpenSocket): Promise<Sftp> {
    const channel = new Channel(openSocket);
    const spoken = await channel.greet(version);
    if (spoken < version) {
      channel[Symbol.dispose]();
      throw new SftpLost(`the server speaks version ${spoken} of SFTP, not ${version}`);
    }
    return new Sftp(channel);
  }

  /** What is at a path, without following a link in its last part; undefined when there is nothing. */
  look(path: Buffer): Promise<Attributes | undefined> {
    return this.#attributes(packets.lstat, path);
  }

  /** What a path leads to; undefined when there is nothing. */
  follow(path: Buffer): Promise<Attributes | undefined> {
    return this.#attributes(packets.stat, path);
  }

  /** Gives the names in a directory, some at a time, without `.` and `..`. What `onNames` throws ends it. */
  async list(path: Buffer, onNames: (files: readonly NamedFile[]) => void): Promise<void> {
    const handle = await this.#opened(packets.opendir, [string(path)]);
    const next = { type: packets.readdir, fields: [string(handle)], reply: packets.name, parse: readNames };
    try {
      for (;;) onNames(await this.channel.send(next));
    } catch (error) {
      if (!isEnd(error)) throw error;
    } finally {
      await this.close(handle);
    }
  }

  openToRead(path: Buffer): Promise<Handle> {
    return this.#opened(packets.open, [string(path), uint32(openFlags.read), noAttributes]);
  }

  /**
   * Makes a file for its owner alone and opens it; nothing may be there, no link either. Older servers do not take note of
   * permissions here.
   */
  create(path: Buffer): Promise<Handle> {
    return this.#opened(packets.open, [string(path), uint32(openFlags.create), ...attributeSets({ mode: 0o600 })]);
  }

  /**
   * Reads a part of a file.
   *
   * @param take gets the bytes, valid only until it returns; what it throws rejects this call
   * @returns how many there were: fewer than `length` also before the end, 0 behind it
   */
  async read(
    handle: Handle,
    { offset, length }: { readonly offset: number; readonly length: number },
    take: (bytes: Buffer) => void,
  ): Promise<number> {
    const parse = (fields: FieldReader) => {
      const bytes = fields.string();
      if (bytes.length > length) throw new RangeError('more bytes than were asked for');
      take(bytes);
      return bytes.length;
    };
    const fields = [string(handle), uint64(offset), uint32(length)];
    return this.channel.send({ type: packets.read, fields, reply: packets.data, parse }).catch((error: unknown) => {
      if (isEnd(error)) return 0;
      throw error;
    });
  }

  write(handle: Handle, offset: number, bytes: Uint8Array): Promise<void> {
    return this.#done(packets.write, [string(handle), uint64(offset), uint32(bytes.length), bytes]);
  }

  close(handle: Handle): Promise<void> {
    return this.#done(packets.close, [string(handle)]);
  }

  /** Owner, permissions and time of an open file. */
  setOpen(handle: Handle, attributes: NewAttributes): Promise<void> {
    return this.#set(packets.fsetstat, handle, attributes);
  }

  /** Owner, permissions and time of what is at a path. Follows a link. */
  set(path: Buffer, attributes: NewAttributes): Promise<void> {
    return this.#set(packets.setstat, path, attributes);
  }

  makeDirectory(path: Buffer): Promise<void> {
    return this.#done(packets.mkdir, [string(path), noAttributes]);
  }

  /** Removes a file or a link. */
  remove(path: Buffer): Promise<void> {
    return this.#done(packets.remove, [string(path)]);
  }

  /** Gives a file or a link another name, in the place of one that has it: rename(2). @see OpenSSH, PROTOCOL, section 4.3 */
  rename(path: Buffer, newPath: Buffer): Promise<void> {
    return this.#done(packets.extended, [posixRename, string(path), string(newPath)]);
  }

  async readLink(path: Buffer): Promise<Buffer> {
    const names = await this.channel.send({
      type: packets.readlink,
      fields: [string(path)],
      reply: packets.name,
      parse: readNames,
    });
    return names[0]?.name ?? Buffer.alloc(0);
  }

  /** Makes a link. The target goes first, as OpenSSH's server and Incus' have it and the draft has not. */
  makeLink(path: Buffer, target: Buffer): Promise<void> {
    return this.#done(packets.symlink, [string(target), string(path)]);
  }

  #attributes(type: number, path: Buffer): Promise<Attributes | undefined> {
    const request = { type, fields: [string(path)], reply: packets.attributes, parse: readAttributes };
    return this.channel.send(request).catch((error: unknown) => {
      if (error instanceof SftpError && error.failure === 'no-such-file') return undefined;
      throw error;
    });
  }

  #opened(type: number, fields: Request<Handle>['fields']): Promise<Handle> {
    return this.channel.send({ type, fields, reply: packets.handle, parse: (reply) => Buffer.from(reply.string()) });
  }

  async #set(type: number, what: Buffer, attributes: NewAttributes): Promise<void> {
    await Promise.all(attributeSets(attributes).map((each) => this.#done(type, [string(what), each])));
  }

  async #done(type: number, fields: Request<void>['fields']): Promise<void> {
    await this.channel.send({ type, fields, reply: packets.status, parse: () => undefined });
  }

  [Symbol.dispose](): void {
    this.channel[Symbol.dispose]();
  }
}

function readNames(fields: FieldReader): NamedFile[] {
  return Array.from({ length: Math.min(fields.uint32(), 2 ** 16) }, () => {
    const name = Buffer.from(fields.string());
    // What a person would see in a long listing.
    fields.string();
    return { name, attributes: readAttributes(fields) };
  }).filter(({ name }) => !name.equals(here) && !name.equals(above));
}

const posixRename = string(Buffer.from('posix-rename@openssh.com'));

const here = Buffer.from('.');
const above = Buffer.from('..');

function isEnd(error: unknown): boolean {
  return error instanceof SftpError && error.failure === 'end-of-file';
}
