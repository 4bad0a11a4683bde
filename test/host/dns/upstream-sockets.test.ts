import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Server } from '../../../src/host/dns/resolv-conf.ts';
import { UpstreamSockets } from '../../../src/host/dns/upstream-sockets.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { until } from '../../lab/until.ts';

let upstream: Socket;
let server: Server;
let clock: FakeClock;
let sockets: UpstreamSockets;
const taken: Socket[] = [];

beforeEach(async () => {
  upstream = createSocket('udp4').bind(0, '127.0.0.1');
  await once(upstream, 'listening');
  server = { address: '127.0.0.1', port: upstream.address().port };
  clock = new FakeClock();
  sockets = new UpstreamSockets(clock);
});
afterEach(() => {
  clock.skip(5_000);
  for (const socket of [upstream, ...taken.splice(0)]) socket.close();
});

/** How many sockets are connected to the server: see proc_pid_net(5). */
async function connections(): Promise<number> {
  const remote = `:${server.port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = (await readFile('/proc/net/udp', 'utf8')).split('\n').slice(1);
  return lines.filter((line) => line.trim().split(/\s+/)[2]?.endsWith(remote)).length;
}

async function take(): Promise<Socket> {
  const socket = await sockets.take(server);
  taken.push(socket);
  return socket;
}

it('gives each question a socket and a port of its own, and has one more ready', async () => {
  const all = [await take(), ...(await Promise.all([take(), take()]))];
  await turn();
  expect(clock.armed).toBe(1);
  all.push(await take());
  expect(new Set(all.map((socket) => socket.address().port)).size).toBe(4);
  expect(all.map((socket) => socket.remoteAddress().port)).toEqual(all.map(() => server.port));
});

it('lets a socket go that is not used for five seconds', async () => {
  await take();
  await until('the next one', async () => (await connections()) === 2);
  clock.skip(4_999);
  await turn();
  expect(await connections()).toBe(2);
  clock.skip(1);
  await until('its end', async () => (await connections()) === 1);
});

it('says why a server cannot be had, each time', async () => {
  server = { address: '255.255.255.255', port: 53 };
  await expect(sockets.take(server)).rejects.toMatchObject({ code: 'EACCES' });
  await turn();
  await expect(sockets.take(server)).rejects.toMatchObject({ code: 'EACCES' });
});
