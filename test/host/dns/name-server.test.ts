import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Problem } from '../../../src/base/problem.ts';
import { serveNames } from '../../../src/host/dns/name-server.ts';
import { readQuery, writeReply } from '../../../src/host/dns/wire.ts';
import { until } from '../../lab/until.ts';
import { lookUp } from '../../network/lookup.ts';

let ending: AbortController;
let told: (Problem | undefined)[];
let running: Promise<void>;
let port: number;
let isKnown = true;

/** A port of the loopback address that nobody has. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}

function start(): void {
  ending = new AbortController();
  told = [];
  running = serveNames({
    clock: systemClock,
    signal: ending.signal,
    address: '127.0.0.1',
    port,
    isKnown: () => isKnown,
    answer: (packet) => {
      const query = readQuery(packet);
      const reply = query && writeReply(query, { kind: 'addresses', addresses: ['203.0.113.1'], ttl: 1 }, 512);
      return Promise.resolve(reply);
    },
    onProblem: (problem) => told.push(problem),
  });
}

beforeEach(async () => {
  isKnown = true;
  port = await freePort();
});
afterEach(async () => {
  ending.abort();
  await running;
});

const ask = (tcp: boolean) => lookUp({ name: 'a.test', server: '127.0.0.1', port, tcp, tries: 1, waitMs: 300 });

test('it answers by UDP and TCP, and nobody whom it does not know', async () => {
  start();
  await until('it to listen', () => told.length > 0);
  expect([await ask(false), await ask(true)]).toEqual([['203.0.113.1'], ['203.0.113.1']]);
  isKnown = false;
  expect(await ask(false)).toBe('silent');
  expect(await ask(true)).toMatch(/shut|silent/);
});

test('it says once that a port is taken, and goes on when it is free', async () => {
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  start();
  await until('the problem', () => told.length > 0);
  expect(told[0]).toMatchObject({ code: 'dns.listen', message: expect.stringContaining(`port ${port}`) });
  await new Promise((resolve) => other.close(resolve));
  await until('it to listen', () => told.includes(undefined));
  expect(told).toHaveLength(2);
  expect(await ask(false)).toEqual(['203.0.113.1']);
});

test('connections that say nothing useful end, and there are only so many of them', async () => {
  start();
  await until('it to listen', () => told.length > 0);
  const open = Array.from({ length: 20 }, () => connect({ host: '127.0.0.1', port }));
  let closed = 0;
  for (const socket of open) socket.on('close', () => (closed += 1)).on('error', () => undefined);
  await until('those that are too many to be closed', () => closed === 4);
  for (const socket of open) socket.destroy();
  await until('all to be closed', () => closed === 20);
  const nonsense = connect({ host: '127.0.0.1', port });
  nonsense.on('error', () => undefined).write(Buffer.from('0003ffffff', 'hex'));
  await once(nonsense, 'close');
  expect(await ask(true)).toEqual(['203.0.113.1']);
});
