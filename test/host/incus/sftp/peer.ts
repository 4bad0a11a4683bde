import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { string, uint32 } from '../../../../src/host/incus/sftp/fields.ts';
import { Sftp } from '../../../../src/host/incus/sftp/sftp.ts';

/** What a server sends for a request; nothing keeps it waiting. */
export type Answer = (id: Buffer, packet: Buffer) => Buffer | undefined;

/** A packet as a server sends it. */
export function reply(type: number, id: Buffer, ...fields: readonly Buffer[]): Buffer {
  return string(Buffer.concat([Buffer.of(type), id, ...fields]));
}

/** How a request ended: 0 done, 1 end of file, 2 no such file, 3 permission denied, 4 failure. */
export function status(id: Buffer, code: number): Buffer {
  return reply(101, id, uint32(code), string(Buffer.from('said')), string(Buffer.alloc(0)));
}

/** A server on the other end of a socket that answers as it likes, also what no server would. */
export class Peer implements Disposable {
  readonly client: Sftp;
  readonly #dir: string;
  readonly #server: Server;

  private constructor(client: Sftp, dir: string, server: Server) {
    this.client = client;
    this.#dir = dir;
    this.#server = server;
  }

  static async open(answer: Answer): Promise<Peer> {
    const dir = mkdtempSync(join(tmpdir(), 'coi-sftp-'));
    const path = join(dir, 'socket');
    const server = createServer((socket) => serve(socket, answer));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return new Peer(await Sftp.open((onread) => connect({ path, onread })), dir, server);
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
    this.#server.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function serve(socket: Socket, answer: Answer): void {
  // The client may go at any time.
  socket.on('error', () => undefined);
  let greeted = false;
  let rest = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      const packet = rest.subarray(4, end);
      rest = rest.subarray(end);
      const sent = greeted ? answer(packet.subarray(1, 5), packet) : string(Buffer.concat([Buffer.of(2), uint32(3)]));
      greeted = true;
      if (sent) socket.write(sent);
    }
  });
}
