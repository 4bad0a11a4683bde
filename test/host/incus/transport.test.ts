import { createServer, type Server, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openIncus } from '../../../src/host/incus/client.ts';
import { incusSocket } from '../../../src/host/incus/socket.ts';
import { openLab } from '../../lab/lab.ts';

let dir: string;
let socketPath: string;
let server: Server | undefined;
const connections = new Set<Socket>();

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-incus-'));
  socketPath = join(dir, 'unix.socket');
});

afterEach(async () => {
  for (const connection of connections) connection.destroy();
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  server = undefined;
  await rm(dir, { recursive: true });
});

/** A daemon that does `answer` with every request, given as text; gives the requests' first lines. */
async function broken(answer: (connection: Socket) => void): Promise<string[]> {
  const requests: string[] = [];
  server = createServer((connection) => {
    connections.add(connection);
    connection.on('error', () => {});
    connection.on('data', (data) => {
      requests.push(data.toString('latin1').split('\r\n', 1)[0]!);
      answer(connection);
    });
  });
  await new Promise<void>((resolve) => server!.listen(socketPath, resolve));
  return requests;
}

const patch = { config: { 'user.x': '1' } };

test('without a socket it says so and what to do', async () => {
  await using incus = openIncus({ socketPath, clock: systemClock });
  await expect(incus.instances.list()).rejects.toMatchObject({
    class: 'transient',
    code: 'incus.no-socket',
    message: `Cannot list instances: there is no socket at ${socketPath}`,
    hint: expect.stringContaining('systemctl start incus'),
  });
});

test('a socket that nobody listens on is refused, for a write too: nothing was sent', async () => {
  // A process that is killed leaves its socket behind.
  const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await execa(process.execPath, ['-e', script], { reject: false });
  await using incus = openIncus({ socketPath, clock: systemClock });
  await expect(incus.instances.patch('x', patch)).rejects.toMatchObject({ class: 'transient', code: 'incus.refused' });
});

test('without permission it names the group', async () => {
  await using lab = await openLab({ name: 'incus-perm' });
  const client = fileURLToPath(new URL('fixtures/list-instances.ts', import.meta.url));
  const { stdout } = await execa(process.execPath, [client, lab.socket], { uid: 65_534, gid: 65_534, cwd: '/' });
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'incus.no-permission',
    hint: expect.stringContaining('incus-admin'),
  });
}, 120_000);

test('a lost reply: a GET is sent once more, a write never is and has an unknown outcome', async () => {
  const requests = await broken((connection) => connection.destroy());
  await using incus = openIncus({ socketPath, clock: systemClock });
  await expect(incus.instances.list()).rejects.toMatchObject({ class: 'transient' });
  expect(requests).toHaveLength(2);
  requests.length = 0;
  await expect(incus.instances.patch('x', patch)).rejects.toMatchObject({ class: 'unknown-outcome' });
  await expect(incus.instances.delete('x')).rejects.toMatchObject({ class: 'unknown-outcome' });
  expect(requests).toEqual(['PATCH /1.0/instances/x HTTP/1.1', 'DELETE /1.0/instances/x HTTP/1.1']);
});

test('a daemon that hangs is given up, and the caller may give up sooner', async () => {
  await broken(() => {});
  const samples: unknown[] = [];
  const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 100, run) };
  await using incus = openIncus({ socketPath, clock, observe: (sample) => samples.push(sample) });
  await expect(incus.instances.list()).rejects.toMatchObject({ class: 'transient', code: 'incus.timeout' });
  await expect(incus.instances.patch('x', patch)).rejects.toMatchObject({
    class: 'unknown-outcome',
    code: 'incus.timeout',
  });
  const reason = new Error('enough');
  await expect(incus.instances.list({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(samples).toMatchObject([{ code: 'incus.timeout' }, { code: 'incus.timeout' }, { code: 'aborted' }]);
});

test.each([
  ['no JSON', '{"type": "sy'],
  ['another shape', '{"type": "sync", "metadata": [{"name": 7}]}'],
  ['nothing', ''],
])('a reply that is %s is a problem, not a crash', async (_, body) => {
  await broken((connection) => connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
  await using incus = openIncus({ socketPath, clock: systemClock });
  await expect(incus.instances.list()).rejects.toMatchObject({ class: 'transient', code: 'incus.bad-reply' });
  await expect(incus.instances.create({ name: 'x', source: { type: 'none' } })).rejects.toMatchObject({
    class: 'unknown-outcome',
    code: 'incus.bad-reply',
  });
});

test('malformed events are gaps; the stream goes on', async () => {
  const frame = (text: string) => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
  const { createHash } = await import('node:crypto');
  server = createServer((connection) => {
    connections.add(connection);
    connection.on('error', () => {});
    connection.once('data', (data) => {
      const key = /sec-websocket-key: (\S+)/i.exec(data.toString('latin1'))![1]!;
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      connection.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      connection.write(frame('{"type": "lifecycle", "metadata": 3}'));
      connection.write(frame('not json'));
      connection.write(frame('{"type":"lifecycle","metadata":{"action":"x-created","source":"/1.0/xs/a%20b"}}'));
    });
  });
  await new Promise<void>((resolve) => server!.listen(socketPath, resolve));
  await using incus = openIncus({ socketPath, clock: systemClock });
  const { promise, resolve } = Promise.withResolvers<void>();
  const notices: unknown[] = [];
  incus.events.on((notice) => {
    notices.push(notice);
    if (notice.kind === 'lifecycle') resolve();
  });
  incus.events.start();
  await promise;
  expect(notices).toMatchObject([
    { kind: 'gap', reason: 'connected' },
    { kind: 'gap', reason: 'malformed' },
    { kind: 'gap', reason: 'malformed' },
    { kind: 'lifecycle', action: 'x-created', collection: 'xs', name: 'a b' },
  ]);
});

test('an event stream that falls silent is given up and opened again', async () => {
  let upgrades = 0;
  const { createHash } = await import('node:crypto');
  server = createServer((connection) => {
    connections.add(connection);
    connection.on('error', () => {});
    connection.once('data', (data) => {
      upgrades += 1;
      const key = /sec-websocket-key: (\S+)/i.exec(data.toString('latin1'))![1]!;
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      connection.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
  });
  await new Promise<void>((resolve) => server!.listen(socketPath, resolve));
  const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 100, run) };
  await using incus = openIncus({ socketPath, clock });
  const { promise, resolve } = Promise.withResolvers<void>();
  incus.events.on((notice) => notice.kind === 'gap' && notice.reason === 'connected' && upgrades >= 2 && resolve());
  incus.events.start();
  await promise;
  expect(upgrades).toBeGreaterThanOrEqual(2);
});

test('incusSocket() takes INCUS_SOCKET, then INCUS_DIR, then a usual place', () => {
  expect(incusSocket({ INCUS_SOCKET: '/a', INCUS_DIR: '/b' })).toBe('/a');
  expect(incusSocket({ INCUS_DIR: '/b' })).toBe('/b/unix.socket');
  expect(incusSocket({})).toMatch(/^\/(run|var\/lib)\/incus\/unix\.socket$/);
});
