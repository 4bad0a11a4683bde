import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureRoute } from '../../../src/host/link/host-route.ts';
import { inside, NamedNamespace } from '../nft/world.ts';

let namespace: NamedNamespace;
const route = { family: 4, destination: '10.158.52.0/24', via: '10.17.30.200', dev: 'uplink0' } as const;
const route6 = { family: 6, destination: 'fd42:9::/64', via: 'fd42:8::2', dev: 'uplink0' } as const;
const call = () => ({ namespace: namespace.host });
const ip = (...args: string[]) => inside(namespace.host, 'ip', ...args);

beforeEach(async () => {
  namespace = await NamedNamespace.make();
  await ip('link', 'add', 'uplink0', 'type', 'bridge');
  await ip('addr', 'add', '10.17.30.1/24', 'dev', 'uplink0');
  await ip('addr', 'add', 'fd42:8::1/64', 'dev', 'uplink0', 'nodad');
  await ip('link', 'set', 'uplink0', 'up');
});
afterEach(() => namespace[Symbol.asyncDispose]());

it('makes a missing route of either family, and again after it was deleted', async () => {
  for (const each of [route, route6]) {
    expect(await ensureRoute(each, call())).toEqual({ kind: 'added' });
    expect(await ensureRoute(each, call())).toEqual({ kind: 'present' });
    await ip(`-${each.family}`, 'route', 'delete', each.destination);
    expect(await ensureRoute(each, call())).toEqual({ kind: 'added' });
  }
});

it('leaves another way to the same destination as it is', async () => {
  await ip('route', 'add', '10.158.52.0/24', 'via', '10.17.30.7');
  expect(await ensureRoute(route, call())).toEqual({ kind: 'present' });
  expect(await ip('route', 'show', '10.158.52.0/24')).toContain('via 10.17.30.7');
});

it('is not content with a wider route', async () => {
  await ip('route', 'add', '10.158.0.0/16', 'via', '10.17.30.7');
  expect(await ensureRoute(route, call())).toEqual({ kind: 'added' });
});

it('gives the command to whoever can do better', async () => {
  await ip('link', 'set', 'uplink0', 'down');
  expect(await ensureRoute(route, call())).toEqual({
    kind: 'failed',
    command: 'ip -4 route add 10.158.52.0/24 via 10.17.30.200 dev uplink0',
    detail: expect.stringMatching(/\w/),
  });
});
