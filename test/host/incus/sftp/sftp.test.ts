import { afterEach, describe, expect, test } from 'vitest';
import { string, uint32, uint64 } from '../../../../src/host/incus/sftp/fields.ts';
import type { Sftp } from '../../../../src/host/incus/sftp/sftp.ts';
import { SftpError, SftpLost } from '../../../../src/host/incus/sftp/sftp-error.ts';
import { endWhenSilent } from '../../../../src/host/tree/end-when-silent.ts';
import { FakeClock } from '../../../helpers/fake-clock.ts';
import { type Answer, Peer, reply, status } from './peer.ts';

let peer: Peer | undefined;
afterEach(() => peer?.[Symbol.dispose]());

async function open(answer: Answer): Promise<Sftp> {
  peer = await Peer.open(answer);
  return peer.client;
}

const path = Buffer.from('/x');
const part = { offset: 0, length: 10 };
const nothing = () => undefined;

describe('Sftp with a server that does not keep to the rules', () => {
  test.each<{ readonly what: string; readonly how: Answer }>([
    { what: 'a packet longer than any', how: () => Buffer.from('ffffffff00', 'hex') },
    { what: 'an empty packet', how: () => Buffer.from('00000000', 'hex') },
    { what: 'a reply to nothing that was asked', how: () => reply(103, uint32(77), string(Buffer.from('x'))) },
    { what: 'a reply of another kind', how: (id) => reply(105, id, uint32(0)) },
    { what: 'a reply that ends too soon', how: (id) => reply(103, id, uint32(10), Buffer.from('x')) },
    { what: 'more bytes than were asked for', how: (id) => reply(103, id, string(Buffer.alloc(11))) },
    { what: 'success without bytes', how: (id) => status(id, 0) },
  ])('$what ends the connection', async ({ how }) => {
    const client = await open(how);
    let taken = 0;
    const read = client.read(Buffer.from('h'), part, (bytes) => (taken += bytes.length));
    await expect(read).rejects.toThrow(/./);
    expect(taken).toBe(0);
    await expect(client.look(path)).rejects.toBeInstanceOf(SftpLost);
  });

  test('a refusal fails one request and no other', async () => {
    const client = await open((id, packet) =>
      packet[0] === 7 ? status(id, 3) : reply(102, id, string(Buffer.from('h'))),
    );
    await expect(client.look(path)).rejects.toMatchObject({ failure: 'permission-denied', message: 'said' });
    await expect(client.look(path)).rejects.toBeInstanceOf(SftpError);
    expect(await client.openToRead(path)).toEqual(Buffer.from('h'));
  });

  test('what is not there is no failure', async () => {
    const client = await open((id) => status(id, 2));
    expect(await client.look(path)).toBeUndefined();
  });

  test('a size beyond all disks is infinite, not small', async () => {
    const client = await open((id) => reply(105, id, uint32(1), Buffer.alloc(8, 0xff)));
    expect(await client.look(path)).toMatchObject({ size: Number.POSITIVE_INFINITY, kind: 'other' });
  });

  test('a file that ends early ends there', async () => {
    const client = await open((id) => status(id, 1));
    expect(await client.read(Buffer.from('h'), part, nothing)).toBe(0);
  });

  test('a connection that is cut fails all that is under way and all that follows', async () => {
    const client = await open(() => undefined);
    const reads = [client.look(path), client.openToRead(path)];
    client[Symbol.dispose]();
    for (const read of reads) await expect(read).rejects.toBeInstanceOf(SftpLost);
    await expect(client.look(path)).rejects.toBeInstanceOf(SftpLost);
  });

  test('a server that says nothing for a minute is given up, one that has nothing to say is not', async () => {
    const clock = new FakeClock();
    const client = await open((id, packet) => (packet[0] === 7 ? status(id, 2) : undefined));
    using _ = endWhenSilent(client.channel, clock);
    await clock.advance(300_000);
    expect(await client.look(path)).toBeUndefined();
    const stuck = client.openToRead(path);
    await clock.advance(120_000);
    await expect(stuck).rejects.toBeInstanceOf(SftpLost);
  });
});

test('numbers of 64 bits keep their value', async () => {
  const size = 5 * 2 ** 40 + 1;
  const client = await open((id) => reply(105, id, uint32(1 | 4), uint64(size), uint32(0o100644)));
  expect(await client.look(path)).toMatchObject({ kind: 'file', size, mode: 0o644, modifiedS: 0 });
});
