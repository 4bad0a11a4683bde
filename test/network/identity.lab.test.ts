import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Agent } from '../host/nft/world.ts';
import { until } from '../lab/until.ts';
import { addPerlImage, rawSockets } from './perl-image.ts';
import { Place, type Guest } from './place.ts';

const port = 8083;
const public4 = '203.0.113.10';
const public6 = '2001:db8:113::10';

let place: Place;
let host: Agent;
let internet: Agent;
let thief: Guest;
let victim: Guest;

beforeAll(async () => {
  place = await Place.open({ name: 'identity', prepare: (lab) => addPerlImage(lab, 'perl') });
  host = place.host();
  internet = await place.neighbour('internet');
  for (const agent of [host, internet]) await agent.order({ do: 'serve', port });
  thief = await place.guest('thief', 'image = "perl"', 'network.mode = "open"');
  victim = await place.guest('victim', 'network.mode = "open"');
  for (const guest of [thief, victim]) {
    await guest.order({ do: 'serve', port });
    await until('IPv6', async () => (await guest.order({ do: 'connect', host: public6, port })) === 'open');
  }
});
afterAll(() => place?.[Symbol.asyncDispose]());

/** Runs the same attack behind every layer and then without any: it must work there, or it proves nothing. */
async function guardedAndBare<T>(attack: () => Promise<T>): Promise<[guarded: T, bare: T]> {
  const guarded = await attack();
  await place.bare(thief, victim);
  const bare = await attack();
  await place.restored(thief, victim);
  return [guarded, bare];
}

const ip = (guest: Guest, command: string) => place.inside(guest, 'ip', ...command.split(' '));

/** Datagrams that arrive somewhere while something is done. */
async function arriving(at: Agent, work: () => Promise<unknown>): Promise<number> {
  const before = (await at.order({ do: 'received', port })) as number;
  await work();
  await sleep(100);
  return ((await at.order({ do: 'received', port })) as number) - before;
}

/** Sends frames made by perl that knows its own addresses and the gateway's. */
async function send(script: string): Promise<void> {
  const gateway = (await place.lab.inside.output(['cat', '/sys/class/net/coibr0/address'])).trim();
  const { exitCode, stderr } = await place.inside(
    thief,
    'perl',
    '-e',
    `${rawSockets}\nour $gw = hw('${gateway}'); our $all = hw('ff:ff:ff:ff:ff:ff'); our $victim = ip4('${victim.ipv4}');
    our $victim6 = ip6('${victim.ipv6}'); our $hisMac = hw('${victim.mac}');\n${script}`,
  );
  if (exitCode !== 0) throw new Error(stderr);
}

describe('an address that root adds inside', () => {
  it.each(['10.90.201.201', 'a sibling’s'])('reaches nothing: %s', async (which) => {
    const address = which.startsWith('10') ? which : victim.ipv4;
    await ip(thief, `addr add ${address}/16 dev eth0`);
    const ask = (at: Agent, target: string) =>
      arriving(at, async () => {
        await thief.order({ do: 'ask', host: target, from: address, port });
        // And without asking anybody for the way.
        await send(`put(frame($gw, 0x0800, udp4(ip4('${address}'), ip4('${target}'), ${port})))`);
      });
    const [guarded, bare] = await guardedAndBare(async () => [
      await ask(internet, public4),
      await ask(host, '10.90.0.1'),
    ]);
    await ip(thief, `addr del ${address}/16 dev eth0`);
    expect(guarded).toEqual([0, 0]);
    expect(Math.min(...bare)).toBeGreaterThan(0);
  });

  it('reaches nothing: a sibling’s of IPv6', async () => {
    await place.inside(thief, 'sysctl', '-w', 'net.ipv6.conf.eth0.accept_dad=0');
    const found = await guardedAndBare(() =>
      arriving(internet, () => send(`put(frame($gw, 0x86dd, udp6($victim6, ip6('${public6}'), ${port}))) for 1 .. 3`)),
    );
    expect(found).toEqual([0, 3]);
  });
});

describe('a hardware address that root changes', () => {
  it('reaches nothing, and the old one does again', async () => {
    const connect = () => thief.order({ do: 'connect', host: public4, port });
    await ip(thief, 'link set eth0 address 10:66:6a:c0:77:77');
    await sleep(100);
    expect(await connect()).toBe('shut');
    await ip(thief, `link set eth0 address ${thief.mac}`);
    await until('it to reach the internet again', async () => (await connect()) === 'open');
  });
});

describe('frames that root makes by hand', () => {
  it('reach nothing with a tag of a virtual network', async () => {
    // The kernel takes the tag 0 off and looks inside.
    const tagged = `my $plain = udp4($own4, ip4('10.90.0.1'), ${port}); put(frame($gw, 0x8100, pack('n n', 0, 0x0800) . $plain)) for 1 .. 3`;
    const found = await guardedAndBare(() => arriving(host, () => send(tagged)));
    expect(found).toEqual([0, 3]);
  });

  it('cannot draw the host’s packets for a sibling to itself by ARP', async () => {
    const claim = `put(frame($gw, 0x0806, pack('n n C C n a6 a4 a6 a4', 1, 0x0800, 6, 4, 2, $mac, $victim, $gw, ip4('10.90.0.1'))))`;
    const found = await guardedAndBare(() => neighbourAfter(victim.ipv4, claim));
    expect(found).toEqual([victim.mac, thief.mac]);
  });

  it('cannot draw them by neighbour discovery', async () => {
    const advert = `my $d = pack('C C n N a16 C C a6', 136, 0, 0, 0x60000000, $victim6, 2, 1, $mac);
      put(frame($gw, 0x86dd, over6($own6, ip6('fd42:90::1'), 58, 255, $d, 2)))`;
    const found = await guardedAndBare(() => neighbourAfter(victim.ipv6, advert));
    expect(found).toEqual([victim.mac, thief.mac]);
  });

  it('cannot become a sibling’s gateway by ARP or by router advertisements', async () => {
    const arp = `put(frame($hisMac, 0x0806, pack('n n C C n a6 a4 a6 a4', 1, 0x0800, 6, 4, 2, $mac, ip4('10.90.0.1'), $hisMac, $victim)))`;
    const router = `my $d = pack('C C n C C n N N', 134, 0, 0, 64, 0, 1800, 0, 0) . pack('C C a6', 1, 1, $mac);
      put(frame($hisMac, 0x86dd, over6($link6, ip6('ff02::1'), 58, 255, $d, 2)))`;
    const found = await guardedAndBare(async () => {
      await victim.order({ do: 'connect', host: public4, port });
      // What it has just been told holds for a second.
      await sleep(1_100);
      await send(`${arp};\n${router}`);
      await sleep(100);
      const neighbours = (await ip(victim, 'neigh show 10.90.0.1')).stdout;
      const routes = (await ip(victim, '-6 route show default')).stdout;
      const linkLocal = `${/fe80\S+/.exec((await ip(thief, '-6 addr show dev eth0')).stdout)?.[0].replace(/\/\d+$/, '')}`;
      return { arp: neighbours.includes(thief.mac), router: routes.includes(linkLocal) };
    });
    expect(found).toEqual([
      { arp: false, router: false },
      { arp: true, router: true },
    ]);
  });
});

/** Where the host believes an address to be, after it knew and was told otherwise. */
async function neighbourAfter(address: string, script: string): Promise<string | undefined> {
  const at = ['neigh', 'replace', address, 'lladdr', victim.mac, 'nud', 'stale', 'dev', 'coibr0'];
  // Else what it has just been told would hold for a second.
  await place.lab.inside.output(['sysctl', '-qw', 'net.ipv4.neigh.coibr0.locktime=0']);
  await place.lab.inside.output(['ip', ...at]);
  await send(script);
  await sleep(100);
  return /lladdr (\S+)/.exec(await place.lab.inside.output(['ip', 'neigh', 'show', address]))?.[1];
}
