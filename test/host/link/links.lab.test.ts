import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { deleteLink, listLinks, orphanCandidates } from '../../../src/host/link/links.ts';
import { bridgeSettings, convergeSettings } from '../../../src/host/link/settings.ts';
import { watchLinks } from '../../../src/host/link/watch.ts';
import { bridge, inside, NamedNamespace } from '../nft/world.ts';

let namespace: NamedNamespace;
const here = () => ({ namespace: namespace.host });
const ip = (...command: string[]) => inside(namespace.host, 'ip', ...command);
const ours = 'coinpqrstvwxyz0';

beforeEach(async () => {
  namespace = await NamedNamespace.make();
  await ip('link', 'add', 'coibr0', 'type', 'bridge');
  await ip('link', 'add', ours, 'type', 'veth', 'peer', 'name', 'peer0');
  await ip('link', 'set', ours, 'master', 'coibr0');
  await ip('link', 'set', 'dev', ours, 'type', 'bridge_slave', 'isolated', 'on');
});

afterEach(() => namespace[Symbol.asyncDispose]());

describe('links', () => {
  it('are listed with what tells whose they are', async () => {
    const links = await listLinks(here());
    expect(links.find(({ name }) => name === ours)).toMatchObject({ kind: 'veth', master: 'coibr0', isIsolated: true });
    expect(links.find(({ name }) => name === 'coibr0')).toMatchObject({ kind: 'bridge', master: undefined });
  });

  it('are orphan candidates only as veths with a name of ours that nobody knows', async () => {
    await ip('link', 'add', 'coi000000000000', 'type', 'bridge');
    await ip('link', 'add', 'coi00000000000x', 'type', 'veth', 'peer', 'name', 'peer1');
    const links = await listLinks(here());
    expect(orphanCandidates(links, new Set([ours])).map(({ name }) => name)).toEqual(['coi00000000000x']);
    expect(
      orphanCandidates(links, new Set())
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['coi00000000000x', ours]);
  });

  it('are deleted only if they are ours and still the same', async () => {
    const links = await listLinks(here());
    const bridgeLink = links.find(({ name }) => name === 'coibr0')!;
    await expect(deleteLink(bridgeLink, here())).rejects.toMatchObject({ code: 'link.foreign' });
    const port = links.find(({ name }) => name === ours)!;
    expect(await deleteLink({ name: ours, index: port.index + 100 }, here())).toBe(false);
    expect(await deleteLink(port, here())).toBe(true);
    expect(await deleteLink(port, here())).toBe(false);
    expect((await listLinks(here())).map(({ name }) => name)).toEqual(['lo', 'coibr0']);
  });

  it('are watched', async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    const watch = watchLinks({ clock: systemClock, signal: stop.signal, onHint: () => seen.push(1), ...here() });
    for (let tries = 0; seen.length === 0 && tries < 100; tries++) {
      await ip('link', 'set', 'peer0', tries % 2 ? 'up' : 'down');
      await delay(20);
    }
    expect(seen.length).toBeGreaterThan(0);
    stop.abort();
    await watch;
  });
});

describe('settings', () => {
  it('are written once', async () => {
    const settings = bridgeSettings(bridge);
    expect(await convergeSettings(settings, here())).toContain('/proc/sys/net/ipv4/conf/coibr0/rp_filter');
    expect(await convergeSettings(settings, here())).toEqual([]);
    expect(await inside(namespace.host, 'cat', '/proc/sys/net/ipv4/conf/coibr0/rp_filter')).toBe('1');
  });

  it('name the bridge that is missing', async () => {
    const settings = bridgeSettings({ ...bridge, name: 'coibr9' });
    await expect(convergeSettings(settings, here())).rejects.toMatchObject({ code: 'link.setting' });
  });
});
