import { createServer, type Server, type Socket } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Problem, ProblemList } from '../../src/base/problem.ts';
import { openClient, probeSocket } from '../../src/cli/client.ts';
import { openPeer } from './peer.ts';
import { plans, status } from './reports.ts';

const { signal } = new AbortController();
const clientOf = (directory: string) => openClient({ path: join(directory, 'coi.sock'), signal });

async function answer(socket: Socket, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    socket.write(part);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  socket.end();
}

/** A socket that answers every request with these parts, each in a packet of its own, and closes. */
async function openRaw(...parts: readonly string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'coi-raw-'));
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => void answer(socket, parts));
  }).listen(join(directory, 'coi.sock'));
  await once(server, 'listening');
  return {
    client: clientOf(directory),
    directory,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await rm(directory, { recursive: true });
    },
  };
}

describe('openClient()', () => {
  it('asks with the options and gives back the result', async () => {
    await using peer = await openPeer();
    const client = clientOf(peer.directory);
    expect(await client.status()).toEqual(status);
    expect(await client.plan({ names: ['wéb'] })).toEqual([]);
    expect(await client.plan({})).toEqual(plans);
    expect(await client.reconcile()).toBeUndefined();
    expect(peer.asked[1]).toEqual(['plan', { names: ['wéb'] }]);
  });

  it('takes answers of many megabytes', async () => {
    const sandboxes = Array.from({ length: 5_000 }, (_, index) => ({ ...status.sandboxes[0]!, name: `s${index}` }));
    await using peer = await openPeer({ status: async () => ({ ...status, sandboxes }) });
    expect(await clientOf(peer.directory).status()).toEqual({ ...status, sandboxes });
  });

  it('throws the problem that the controller had, with all there is to it', async () => {
    const one = new Problem({
      code: 'a.b',
      message: 'no',
      hint: 'do',
      retry: 'backoff',
      position: { file: 'f', line: 1, column: 2 },
    });
    await using peer = await openPeer({
      adopt: async () => {
        throw one;
      },
      reconcile: async () => {
        throw new ProblemList([one, one]);
      },
    });
    const client = clientOf(peer.directory);
    const caught = await client.adopt({ name: 'x', by: 'y' }).catch((error: unknown) => error);
    expect(caught).toBeInstanceOf(Problem);
    expect(caught).toMatchObject({ code: 'a.b', message: 'no', hint: 'do', retry: 'backoff', position: one.position });
    const list = await client.reconcile().catch((error: unknown) => error);
    expect((list as ProblemList).problems).toHaveLength(2);
  });

  it.each([
    { what: 'nothing', parts: [] },
    { what: 'half a head', parts: ['HTTP/1.1 200'] },
    { what: 'half a body', parts: ['HTTP/1.1 200 OK\r\n\r\n', '{"result": {"sand'] },
    { what: 'no JSON', parts: ['HTTP/1.1 200 OK\r\n\r\n', 'hello'] },
    { what: 'another kind of JSON', parts: ['HTTP/1.1 200 OK\r\n\r\n', '7'] },
    { what: 'an error without a problem', parts: ['HTTP/1.1 500 Oops\r\n\r\n{}'] },
    { what: 'no HTTP', parts: ['SSH-2.0-x\r\n\r\n'] },
  ])('says that the controller broke off when it answers $what', async ({ parts }) => {
    await using raw = await openRaw(...parts);
    await expect(raw.client.status()).rejects.toMatchObject({ code: 'cli.controller-gone', retry: 'backoff' });
  });

  it('puts events together again, however they were cut', async () => {
    const parts = ['HTTP/1.1 20', '0 OK\r\n\r', '\n{"n":', '1}\n{"n":2,"t":"\u00e9"}\n{"n"', ':3}\n'];
    await using raw = await openRaw(...parts);
    const seen = await Array.fromAsync(raw.client.events({ signal }));
    expect(seen).toEqual([{ n: 1 }, { n: 2, t: 'é' }, { n: 3 }]);
  });

  it('throws the problem of events', async () => {
    await using raw = await openRaw('HTTP/1.1 400 Bad\r\n\r\n{"problem":{"code":"a.b","message":"no"}}');
    await expect(Array.fromAsync(raw.client.events({ signal }))).rejects.toMatchObject({ code: 'a.b' });
  });

  it('ends a request when the signal aborts', async () => {
    const ended = new AbortController();
    await using peer = await openPeer({ reconcile: () => Promise.withResolvers<void>().promise });
    const client = openClient({ path: join(peer.directory, 'coi.sock'), signal: ended.signal });
    const waiting = client.reconcile();
    ended.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
  });
});

describe('probeSocket()', () => {
  it('tells nobody there from a leftover and from somebody', async () => {
    await using raw = await openRaw();
    expect(await probeSocket(join(raw.directory, 'coi.sock'))).toBeUndefined();
    expect(await probeSocket(join(raw.directory, 'none'))).toBe('ENOENT');
    await writeFile(join(raw.directory, 'file'), '');
    expect(await probeSocket(join(raw.directory, 'file'))).toBe('ECONNREFUSED');
  });
});
