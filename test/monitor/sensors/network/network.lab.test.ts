import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { parseMembers } from '../../../../src/host/nft/listing.ts';
import { NetworkSensor } from '../../../../src/monitor/sensors/network/network-sensor.ts';
import type { SensorInit } from '../../../../src/monitor/sensor.ts';
import { until } from '../../../lab/until.ts';
import { Place, type Guest } from '../../../network/place.ts';
import { watchedGuest, Watcher } from '../watcher.ts';

const port = 8080;
const internet = '203.0.113.10';
const listed = '198.51.100.10';
const near = '10.7.0.10';
const metadata = '169.254.169.254';
/** Nothing is to follow from what is tried here. */
const calm = ['monitoring.auto_pause_on_high = false', 'monitoring.auto_kill_on_critical = false'];
const few = [...calm, 'monitoring.nft.rate_limit_per_second = 20'];

let place: Place;
let open: Guest;
let strict: Guest;
let local: Guest;
let other: Guest;
let unseen: Guest;
let watcher: Watcher;

/** Counts that the lab's own rules keep. */
async function unlogged(): Promise<Map<string, number>> {
  const text = await place.lab.inside.output(['nft', '-j', 'list', 'set', 'inet', 'coi', 'over4']);
  return new Map(parseMembers(text).map(({ key, packets }) => [key, packets]));
}

function sensor(init: SensorInit): NetworkSensor {
  const nameOf = (_: string, address: string) => (address === listed ? 'listed.example' : undefined);
  return new NetworkSensor({ ...init, clock: systemClock, gateways: ['10.90.0.1', 'fd42:90::1'], nameOf, unlogged });
}

beforeAll(async () => {
  place = await Place.open({ name: 'flows', monitoring: true });
  for (const name of ['internet', 'private'] as const) {
    const neighbour = await place.lab.neighbour(name);
    for (const each of [port, 4444, 6667]) await neighbour.serve({ proto: 'tcp', port: each });
  }
  [open, strict, local, other, unseen] = await Promise.all([
    place.guest('open', ...few),
    place.guest('strict', ...calm, 'network.mode = "allowlist"', `network.allowed_domains = ["${listed}:${port}"]`),
    place.guest('local', ...calm, 'network.allow_local_network_access = true'),
    place.guest('other', ...calm),
    place.guest('unseen', 'monitoring.enabled = false'),
  ]);
  const change = { network: { flowsPerSecond: 20 } };
  const all = await Promise.all(
    [open, strict, local, other, unseen].map((guest) => watchedGuest(place, guest, change)),
  );
  watcher = new Watcher(all, sensor);
  await until('a source', () => watcher.sensor.status().source === 'kmsg');
  await place.speaksIPv6(open);
});
afterAll(async () => {
  await watcher?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

const connect = (guest: Guest, host: string, at = port) => guest.order({ do: 'connect', host, port: at });
const flow = (address: string, at: number, verdict: string) => expect.objectContaining({ address, port: at, verdict });
const seen = ({ uid }: Guest, address: string, at = port) =>
  watcher.see('connection', uid, (event) => event.address === address && event.port === at);

describe('a connection', () => {
  it('that is over at once is seen, with whose it is', async () => {
    expect(await place.inside(open, 'nc', '-w', '1', internet, String(port))).toMatchObject({ exitCode: 0 });
    expect(await seen(open, internet)).toEqual({
      kind: 'connection',
      uid: open.uid,
      at: expect.closeTo(Date.now(), -5),
      proto: 'tcp',
      source: open.ipv4,
      address: internet,
      port,
      verdict: 'passed',
    });
  });

  it('is seen once, however much it carries and however long it lasts', async () => {
    const connection = await connect(
      { ...open, order: (wish) => open.order({ ...wish, keep: true } as never) },
      internet,
      6667,
    );
    for (let times = 0; times < 20; times += 1) await open.order({ do: 'talk', connection: connection as number });
    await connect(open, internet, 4444);
    await seen(open, internet, 4444);
    expect(watcher.of('connection', open.uid).filter((event) => event.port === 6667)).toHaveLength(1);
  });

  it('by IPv6 is seen in the usual form of its addresses', async () => {
    await connect(open, '2001:db8:113::10');
    expect(await seen(open, '2001:db8:113::10')).toMatchObject({ source: open.ipv6, verdict: 'passed' });
  });

  it.each([
    ['to the metadata service', { guest: () => open, address: metadata, at: 80, verdict: 'refused' }],
    ['to a private range', { guest: () => open, address: near, at: port, verdict: 'refused' }],
    ['to a port of command and control', { guest: () => open, address: internet, at: 4444, verdict: 'passed' }],
    ['that an allowlist lacks', { guest: () => strict, address: internet, at: port, verdict: 'refused' }],
    ['that an allowlist names', { guest: () => strict, address: listed, at: port, verdict: 'passed' }],
    ['to the local network where that is allowed', { guest: () => local, address: near, at: port, verdict: 'passed' }],
  ])('%s is seen', async (_, { guest, address, at, verdict }) => {
    await connect(guest(), address, at);
    expect(await seen(guest(), address, at)).toEqual(flow(address, at, verdict));
    const own = [guest().ipv4, guest().ipv6];
    expect(watcher.of('connection', guest().uid).every(({ source }) => own.includes(source))).toBe(true);
  });

  it('has the name that led there', async () => {
    await connect(strict, listed);
    expect(await seen(strict, listed)).toMatchObject({ name: 'listed.example' });
  });

  it('of the host is none of a sandbox', async () => {
    const host = place.host();
    await host.order({ do: 'connect', host: internet, port: 6667 });
    await host.order({ do: 'connect', host: other.ipv4, port });
    await connect(other, internet, 4444);
    await seen(other, internet, 4444);
    expect(watcher.of('connection', other.uid).map((event) => event.port)).toEqual([4444]);
  });

  it('of a sandbox that is not watched leaves nothing', async () => {
    await connect(unseen, internet);
    await connect(unseen, internet, 4444);
    await connect(open, internet, 6667);
    await seen(open, internet, 6667);
    expect(watcher.events.filter(({ uid }) => uid === unseen.uid)).toEqual([]);
    expect((await place.lab.inside.output(['dmesg'])).includes(`coi-flow ${unseen.uid}`)).toBe(false);
  });
});

describe('a question to the name server of the bridge', () => {
  it('is told as one', async () => {
    await place.inside(open, 'nslookup', 'example.com');
    expect(await watcher.see('name', open.uid)).toMatchObject({ result: 'unseen' });
  });
});

describe('a flood', () => {
  it('is limited and counted, and hides neither what is odd nor others', async () => {
    const before = watcher.of('connection', open.uid).length;
    const flood = open.order({ do: 'scatter', host: internet, perSecond: 2_000, ms: 3_000 });
    await until('the flood', () => watcher.of('connection', open.uid).length > before + 10);
    const marker = 12_345;
    await connect(open, metadata, marker);
    await connect(other, internet);
    const sent = (await flood) as number;
    expect(await seen(open, metadata, marker)).toMatchObject({ verdict: 'refused' });
    expect(await seen(other, internet)).toMatchObject({ verdict: 'passed' });
    const logged = watcher.of('connection', open.uid).filter((event) => event.proto === 'udp').length;
    expect(logged).toBeLessThan(200);
    const counted = () => watcher.of('unseen', open.uid).reduce((sum, { count }) => sum + count, 0);
    await until('all to be counted', () => logged + counted() >= sent * 0.95);
    expect(watcher.of('unseen', other.uid)).toEqual([]);
  });
});

describe('rules that somebody flushed', () => {
  it('are back with those that watch', async () => {
    await place.lab.inside.output(['nft', 'flush', 'ruleset']);
    const isBack = async () =>
      (await place.lab.inside.output(['nft', 'list', 'ruleset'])).includes(`flow_${local.uid}`);
    await until('the rules', isBack);
    await connect(local, internet, 31_337);
    expect(await seen(local, internet, 31_337)).toMatchObject({ verdict: 'passed' });
  });

  it('are back when only the chain of one sandbox was changed', async () => {
    const rules = () => place.lab.inside.output(['nft', 'list', 'chain', 'inet', 'coi', `odd_${local.uid}`]);
    await place.lab.inside.output(['nft', 'flush', 'chain', 'inet', 'coi', `odd_${local.uid}`]);
    await until('the rule', async () => (await rules()).includes('coi-odd'));
    await connect(local, internet, 1234);
    expect(await seen(local, internet, 1234)).toMatchObject({ verdict: 'passed' });
  });
});

describe('a sandbox that is no longer watched', () => {
  it('goes on without being cut, and leaves no lines', async () => {
    const held = (await local.order({ do: 'connect', host: internet, port: 6667, keep: true })) as number;
    await seen(local, internet, 6667);
    await place.controller.declare('local', 'network.allow_local_network_access = true', 'monitoring.enabled = false');
    const rules = () => place.lab.inside.output(['nft', 'list', 'table', 'inet', 'coi']);
    await until('the rules to go', async () => !(await rules()).includes(`flow_${local.uid}`));
    expect(await local.order({ do: 'talk', connection: held })).toBe('open');
    expect(await rules()).toContain(`log_${local.uid}`);
  });
});
