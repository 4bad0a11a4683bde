import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../../src/base/problem.ts';
import { HostServers, parseResolvConf } from '../../../src/host/dns/resolv-conf.ts';
import type { Server } from '../../../src/host/dns/resolv-conf.ts';
import { Resolver } from '../../../src/host/dns/resolver.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { until } from '../../lab/until.ts';
import { NameServer, type Zone } from '../../lab/name-server.ts';

const a = (data: string, ttl = 60) => ({ type: 'A', data, ttl }) as const;
const alias = (data: string, ttl = 60) => ({ type: 'CNAME', data, ttl }) as const;
const many = Array.from({ length: 40 }, (_, index) => a(`203.0.113.${index}`));

const zone: Zone = {
  'a.test': [a('203.0.113.10', 60), { type: 'AAAA', data: '2001:0DB8:0::10' }],
  'short.test': [a('203.0.113.11', 5)],
  'chain.test': [alias('Two.test', 20)],
  'two.test': [alias('three.test', 30)],
  'three.test': [a('203.0.113.12', 90)],
  'loop.test': [alias('pool.test')],
  'pool.test': [alias('loop.test')],
  'many.test': many,
  'four.test': [a('203.0.113.13')],
  'ages.test': [a('203.0.113.14', 1_000_000)],
  'bad.test': [alias('not a name.test')],
};

let server: NameServer;
let clock: FakeClock;
let dead: NameServer;

const place = ({ port }: NameServer): Server => ({ address: '127.0.0.1', port });
const resolver = (...servers: readonly NameServer[]) =>
  new Resolver({
    clock,
    signal: new AbortController().signal,
    servers: () => Promise.resolve((servers.length > 0 ? servers : [server]).map(place)),
  });

const isAsked = (times: number) => until('the silent server to be asked', () => dead.asked.length === times);

beforeEach(async () => {
  clock = new FakeClock();
  server = await NameServer.open({ zone });
  dead = await NameServer.open({ zone, mute: true });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await dead[Symbol.asyncDispose]();
});

describe('Resolver', () => {
  it('asks for the family that is wanted, and writes addresses in one way', async () => {
    const names = resolver();
    expect(await names.look('a.test', 4)).toEqual({ kind: 'addresses', addresses: ['203.0.113.10'], ttl: 60 });
    expect(await names.look('a.test', 6)).toEqual({ kind: 'addresses', addresses: ['2001:db8::10'], ttl: 60 });
    expect(await names.look('four.test', 6)).toMatchObject({ kind: 'empty' });
    expect(await names.look('gone.test', 4)).toMatchObject({ kind: 'absent' });
    expect(await names.look('ages.test', 4)).toMatchObject({ ttl: 3_600 });
  });

  it('remembers for as long as was said, and asks once for many', async () => {
    const names = resolver();
    await Promise.all([names.look('short.test', 4), names.look('short.test', 4), names.look('short.test', 4)]);
    clock.skip(2_500);
    expect(await names.look('short.test', 4)).toMatchObject({ ttl: 3 });
    expect(server.asked).toEqual(['A short.test']);
    clock.skip(2_500);
    expect(names.cached('short.test', 4)).toBeUndefined();
    await names.look('short.test', 4);
    expect(server.asked).toHaveLength(2);
  });

  it.each([false, true])(
    'follows aliases to their end, with the shortest time of the chain (one by one: %s)',
    async (short) => {
      server.manners = { zone, short };
      expect(await resolver().look('chain.test', 4)).toEqual({
        kind: 'addresses',
        addresses: ['203.0.113.12'],
        ttl: 20,
      });
      expect(await resolver().look('loop.test', 4)).toMatchObject({ kind: expect.not.stringContaining('addresses') });
      expect(await resolver().look('bad.test', 4)).toMatchObject({ kind: 'absent' });
    },
  );

  it('asks by TCP for what does not fit', async () => {
    server.manners = { zone, streamOnly: true };
    expect(await resolver().look('many.test', 4)).toMatchObject({ addresses: many.map(({ data }) => data) });
  });

  it.each(['id', 'question', 'noise'] as const)('takes no answer with another %s', async (forged) => {
    server.manners = { zone, forged };
    expect(await resolver().look('a.test', 4)).toMatchObject({ addresses: ['203.0.113.10'] });
  });

  it('goes on to the next server when one is silent or refuses', async () => {
    const looking = resolver(dead, server).look('a.test', 4);
    await isAsked(1);
    expect(server.asked).toEqual([]);
    clock.skip(800);
    expect(await looking).toMatchObject({ addresses: ['203.0.113.10'] });
    dead.manners = { zone, rcode: 2 };
    expect(await resolver(dead, server).look('a.test', 4)).toMatchObject({ addresses: ['203.0.113.10'] });
  });

  it('says which name nobody answered for, and does not ask again at once', async () => {
    dead.manners = { zone, rcode: 5 };
    const names = resolver(dead);
    const failure = await names.look('a.test', 4).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Problem);
    expect(failure).toMatchObject({
      code: 'dns.upstream',
      retry: 'backoff',
      message: expect.stringContaining('a.test'),
    });
    const asked = dead.asked.length;
    await expect(names.look('a.test', 4)).rejects.toBe(failure);
    expect(dead.asked).toHaveLength(asked);
    dead.manners = { zone };
    clock.skip(3_000);
    expect(await names.look('a.test', 4)).toMatchObject({ addresses: ['203.0.113.10'] });
  });

  it('gives up after three rounds, 4.5 s in all', async () => {
    const looking = resolver(dead)
      .look('a.test', 4)
      .catch((error: unknown) => error);
    for (const [index, ms] of [800, 1_600, 2_100].entries()) {
      await isAsked(index + 1);
      clock.skip(ms);
    }
    expect(await looking).toMatchObject({
      code: 'dns.upstream',
      message: expect.stringContaining('127.0.0.1 did not answer in time'),
    });
  });
});

describe('the host’s servers', () => {
  it('are those of resolv.conf', () => {
    const text =
      '# nameserver 192.0.2.1\nsearch example.com\nnameserver 203.0.113.1\n nameserver\tfe80::1%eth0 \nnameserver x\nnameserver 2001:db8::1\nnameserver 203.0.113.2\n';
    expect(parseResolvConf(text).map(({ address }) => address)).toEqual(['203.0.113.1', 'fe80::1%eth0', '2001:db8::1']);
    expect(parseResolvConf('')).toEqual([{ address: '127.0.0.1', port: 53 }]);
  });

  it('are read anew when the file is written anew, and kept while it is gone', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'resolv-'));
    const path = join(dir, 'resolv.conf');
    const host = new HostServers(path);
    await expect(host.servers()).rejects.toMatchObject({ code: 'dns.servers' });
    await writeFile(path, 'nameserver 203.0.113.1\n');
    expect(await host.servers()).toEqual([{ address: '203.0.113.1', port: 53 }]);
    await writeFile(path, 'nameserver 203.0.113.22\n');
    expect(await host.servers()).toEqual([{ address: '203.0.113.22', port: 53 }]);
    await rm(dir, { recursive: true });
    expect(await host.servers()).toEqual([{ address: '203.0.113.22', port: 53 }]);
  });
});
