import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { NameService } from '../../../../src/host/dns/name-service.ts';
import type { Firewall } from '../../../../src/host/firewall/firewall.ts';
import { openFirewall } from '../../../../src/host/nft/firewall.ts';
import { NamesSensor } from '../../../../src/monitor/sensors/names/names-sensor.ts';
import type { WatchedContainer } from '../../../../src/monitor/sensor.ts';
import type { NetworkPolicy } from '../../../../src/network/policy.ts';
import { renderRuleset } from '../../../../src/network/ruleset.ts';
import { monitoringOf, type MonitoringChange } from '../../../../src/spec/monitoring.ts';
import { NamedNamespace } from '../../../host/nft/world.ts';
import { NameServer } from '../../../lab/name-server.ts';
import { until } from '../../../lab/until.ts';
import { lookUp, type Lookup } from '../../../network/lookup.ts';
import { Watcher } from '../watcher.ts';

// Loopback addresses stand for those of the bridge: questions come from where they say they come from, as on the bridge.
const bridge = { name: 'coibr0', ipv4: '127.78.0.1/16' };
const server = '127.78.0.1';
const ending = new AbortController();

let namespace: NamedNamespace;
let firewall: Firewall;
let upstream: NameServer;
let stateDir: string;
let service: NameService;
let running: Promise<void>;
let watcher: Watcher;

function policy(number: number): NetworkPolicy {
  const endpoint = { port: `coi00000000000${number}`, mac: '10:66:6a:c0:00:14', ipv4: `127.78.0.2${number}` };
  return {
    uid: `01JABCDEFGHJKMNPQRSTVWXY${number}A`,
    endpoint,
    rules: { mode: 'allowlist', allowed: { 'a.test': true } },
  };
}
const [one, other] = [policy(1), policy(2)];

function watched({ uid, endpoint }: NetworkPolicy, monitoring: MonitoringChange = {}): WatchedContainer {
  const rest = { init: undefined, addresses: [endpoint.ipv4], monitoring: monitoringOf({ monitoring }) };
  return { uid, name: uid, instance: uid, ...rest };
}

beforeAll(async () => {
  namespace = await NamedNamespace.make();
  const { signal } = ending;
  firewall = await openFirewall({ clock: systemClock, signal, namespace: namespace.host, onDrift: () => undefined });
  await firewall.converge(renderRuleset({ bridge: { ...bridge, ipv4: '10.90.0.1/16' }, policies: [] }));
  upstream = await NameServer.open({ zone: { 'a.test': [{ type: 'A', data: '203.0.113.10', ttl: 60 }] } });
  stateDir = await mkdtemp(join(tmpdir(), 'names-'));
  service = new NameService({
    clock: systemClock,
    signal,
    bridge,
    stateDir,
    firewall,
    onQuery: () => undefined,
    onProblem: () => undefined,
    servers: () => Promise.resolve([{ address: '127.0.0.1', port: upstream.port }]),
    flows: () => Promise.resolve(new Set()),
  });
  running = service.run();
  await service.follow([one, other]);
  watcher = new Watcher(
    [watched(one)],
    (init) => new NamesSensor({ ...init, clock: systemClock, listen: (onAsked) => service.listen(onAsked) }),
  );
  await until('the resolver', async () => Array.isArray(await ask('a.test')));
});
afterAll(async () => {
  await watcher?.[Symbol.asyncDispose]();
  ending.abort();
  await running;
  await firewall?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  await namespace?.[Symbol.asyncDispose]();
  await rm(stateDir, { recursive: true });
});
beforeEach(() => void (watcher.events.length = 0));

const ask = (name: string, options: Partial<Lookup> = {}) =>
  lookUp({ name, server, port: 5380, from: one.endpoint.ipv4, ...options });

describe('a question for a name', () => {
  it('is told with whose it is and how it ended', async () => {
    await ask('a.test');
    await ask('Secret.Elsewhere.test');
    const { uid } = one;
    expect(await watcher.see('name', uid, ({ name }) => name === 'a.test')).toMatchObject({
      type: 'A',
      result: 'answered',
    });
    expect(await watcher.see('name', uid, ({ name }) => /^secret/i.test(name))).toMatchObject({ result: 'denied' });
    expect(watcher.sensor.status()).toMatchObject({ state: 'active', source: 'resolver' });
  });

  it('of a sandbox that is not watched is not told', async () => {
    await ask('a.test', { from: other.endpoint.ipv4 });
    await ask('a.test');
    expect(watcher.events.map(({ uid }) => uid)).toEqual([one.uid]);
  });

  it('is counted where there are too many', async () => {
    await Promise.all(Array.from({ length: 600 }, (_, index) => ask(`n${index}.test`)));
    const counted = await until('the count', () => watcher.of('unseen', one.uid)[0]);
    expect(counted).toMatchObject({ sensor: 'names' });
    expect(watcher.of('name', one.uid).length).toBeLessThan(600);
  });

  it('is not told where names are not to be logged', async () => {
    watcher.containers = [watched(one, { network: { logsNames: false } })];
    watcher.sensor.refresh();
    await ask('a.test');
    expect(watcher.events).toEqual([]);
    expect(watcher.sensor.status()).toMatchObject({ state: 'off' });
  });
});
