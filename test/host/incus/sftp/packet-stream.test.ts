import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { string } from '../../../../src/host/incus/sftp/fields.ts';
import { PacketStream } from '../../../../src/host/incus/sftp/packet-stream.ts';

test('packets come out as they went in, however the stream is cut', () => {
  const packets = fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(packets, fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (sent, cuts) => {
      const seen: Buffer[] = [];
      const stream = new PacketStream((packet) => seen.push(Buffer.from(packet)));
      const bytes = Buffer.concat(sent.map((each) => string(each)));
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = cuts[turn % cuts.length]!;
        // What is handed over is used again at once, as a socket's buffer is.
        const part = Buffer.from(bytes.subarray(at, at + length));
        stream.add(part);
        part.fill(0xee);
        at += length;
      }
      expect(seen).toEqual(sent.map((each) => Buffer.from(each)));
    }),
  );
});

test('a packet that is empty, or larger than any server sends, is not waited for', () => {
  for (const length of [0, 2 ** 20 + 1, 2 ** 32 - 1]) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(length);
    expect(() => new PacketStream(() => undefined).add(bytes)).toThrow(RangeError);
    expect(() => {
      const stream = new PacketStream(() => undefined);
      for (const byte of bytes) stream.add(Buffer.of(byte));
      stream.add(Buffer.of(1));
    }).toThrow(RangeError);
  }
});
