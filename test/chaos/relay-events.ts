import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** Where a test reaches into the event stream. */
export interface EventTap {
  /** Called with each event; whatever is to arrive is passed to `send`, now or later, in any order. */
  deliver: ((event: { readonly number: number; readonly send: () => void }) => void) | undefined;
  /** Events that incusd has sent since the count began. */
  seen: number;
  /** Whether connections are refused and present ones ended. */
  isCut: boolean;
  /** Sends an event of the test's own to the newest listener, if there is one. */
  inject?: (text: string) => void;
}

interface Relay {
  readonly asked: IncomingMessage;
  readonly client: Duplex;
  readonly head: Buffer;
  readonly target: string;
  readonly tap: EventTap;
}

/** Passes a WebSocket on, frame by frame from incusd's side. See RFC 6455, section 5.2. */
export function relayEvents({ asked, client, head, target, tap }: Relay): void {
  if (tap.isCut) return void client.destroy();
  const server = connect(target);
  const end = () => {
    client.destroy();
    server.destroy();
  };
  for (const side of [client, server]) side.on('error', end).on('close', end);
  const lines = Object.entries(asked.headers).map(([name, value]) => `${name}: ${String(value)}`);
  server.write(`GET ${asked.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  server.write(head);
  client.pipe(server);
  tap.inject = (text) => {
    if (!client.destroyed) client.write(frameOf(text));
  };
  let pending: Buffer = Buffer.alloc(0);
  let isOpen = false;
  server.on('data', (data: Buffer) => {
    pending = Buffer.concat([pending, data]);
    if (!isOpen) {
      const headEnd = pending.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      isOpen = true;
      client.write(pending.subarray(0, headEnd + 4));
      pending = pending.subarray(headEnd + 4);
    }
    for (let size = frameSize(pending); size !== undefined; size = frameSize(pending)) {
      pass(tap, pending.subarray(0, size), client, end);
      pending = pending.subarray(size);
    }
  });
}

const textOpcode = 1;

function pass(tap: EventTap, frame: Buffer, client: Duplex, end: () => void): void {
  const send = () => {
    if (!client.destroyed) client.write(frame);
  };
  if ((frame[0]! & 0x0f) !== textOpcode) return send();
  tap.seen += 1;
  if (tap.deliver) tap.deliver({ number: tap.seen, send });
  else send();
  if (tap.isCut) end();
}

/** A text as one frame of a server: not masked, 16 bits of length. */
function frameOf(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.from([0x80 | textOpcode, 126, 0, 0]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/** Bytes of the first whole frame; undefined when it has not arrived. incusd's frames are not masked. */
function frameSize(data: Buffer): number | undefined {
  if (data.length < 2) return undefined;
  const short = data[1]! & 0x7f;
  const headerSize = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (data.length < headerSize) return undefined;
  const length = short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short;
  return data.length < headerSize + length ? undefined : headerSize + length;
}
