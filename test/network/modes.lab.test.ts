import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Agent } from '../host/nft/world.ts';
import type { Neighbour, NeighbourName } from '../lab/neighbour.ts';
import { until } from '../lab/until.ts';
import { Place, type Guest } from './place.ts';
import { hostAddresses, openFrom, port, type Target } from './targets.ts';

const neighbours: readonly NeighbourName[] = ['internet', 'private', 'otherHost'];

let place: Place;
let host: Agent;
let internet: Neighbour;
let outside: Agent;
let small: Guest;
let system: Guest;
let sibling: Guest;
let targets: readonly Target[];
/** Names of the targets on the internet, which `restricted` reaches. */
let publicOnes: readonly string[];
/** And those that only `open` reaches. */
let privateOnes: readonly string[];

const image = 'image = "system"';
const protos = ['tcp', 'udp'] as const;
const both = (address: string): Target[] =>
  protos.map((proto) => ({ name: `${address}/${proto}`, proto, host: address }));

beforeAll(async () => {
  place = await Place.open({ name: 'modes', images: ['busybox', 'system'] });
  const { lab } = place;
  host = place.host();
  await host.order({ do: 'serve', port });
  internet = await lab.neighbour('internet');
  for (const name of neighbours) {
    const neighbour = await lab.neighbour(name);
    await neighbour.serve({ proto: 'tcp', port });
    // An answer must come from the address that was asked.
    for (const address of neighbour.addresses) await neighbour.serve({ proto: 'udp', port, host: address });
  }
  outside = await place.neighbour('internet');
  [small, system, sibling] = await Promise.all([
    place.guest('small', 'network.mode = "open"'),
    place.guest('system', image, 'network.mode = "open"'),
    place.guest('sibling', 'network.mode = "open"'),
  ]);
  for (const guest of [small, system, sibling]) await guest.order({ do: 'serve', port });
  await until('both addresses', async () => (await addressesOf(system)).includes(system.ipv6), { timeoutMs: 30_000 });
  await until('both addresses', async () => (await addressesOf(small)).includes(small.ipv6));

  const addresses = async (name: NeighbourName) => (await lab.neighbour(name)).addresses.flatMap(both);
  const outsiders = await addresses('internet');
  const insiders = [...(await addresses('private')), ...(await addresses('otherHost'))];
  publicOnes = outsiders.map(({ name }) => name);
  privateOnes = insiders.map(({ name }) => name);
  const ofHost = (await hostAddresses(lab)).map((address): Target => ({
    name: `host ${address}/tcp`.replace(' ', '-'),
    proto: 'tcp',
    host: address,
  }));
  const linkLocal = /fe80[0-9a-f:]+/.exec(
    (await place.inside(sibling, 'ip', '-6', 'addr', 'show', 'dev', 'eth0')).stdout,
  );
  const siblings = [sibling.ipv4, sibling.ipv6, `${linkLocal?.[0]}%eth0`].flatMap(both);
  targets = [...outsiders, ...insiders, ...ofHost, ...siblings];
});
afterAll(() => place?.[Symbol.asyncDispose]());

async function addressesOf(guest: Guest): Promise<string> {
  return (await place.inside(guest, 'ip', 'addr', 'show', 'dev', 'eth0')).stdout;
}

const guests = { busybox: () => small, systemd: () => system };

/** TCP only from the small image: it has nothing that speaks UDP. */
function targetsFor(guest: Guest): Target[] {
  return targets.filter(({ proto }) => guest === system || proto === 'tcp');
}

function namesFor(guest: Guest, names: readonly string[]): string[] {
  const known = new Set(targetsFor(guest).map(({ name }) => name));
  return names.filter((name) => known.has(name)).toSorted();
}

/** Twice: a way that has just been changed has to be found again, which takes longer than a try. */
async function tryFrom(guest: Guest): Promise<string[]> {
  const tries = () => openFrom(place.lab, guest.instance, targetsFor(guest));
  return [...new Set([...(await tries()), ...(await tries())])].toSorted();
}

/** Also by the gateway, which is a way around what keeps ports apart. */
async function routeSiblings(verb: 'add' | 'del'): Promise<void> {
  for (const [from, to] of [
    [small, sibling],
    [system, sibling],
    [sibling, small],
    [sibling, system],
  ] as const) {
    // The host would tell of the direct way. For IPv4 one of the two suffices to believe it (ip-sysctl.rst).
    const believe = ['ipv6.conf.eth0', 'ipv4.conf.all', 'ipv4.conf.eth0'];
    await place.inside(from, 'sysctl', '-w', ...believe.map((scope) => `net.${scope}.accept_redirects=0`));
    await place.inside(from, 'ip', 'route', verb, `${to.ipv4}/32`, 'via', '10.90.0.1');
    await place.inside(from, 'ip', '-6', 'route', verb, `${to.ipv6}/128`, 'via', 'fd42:90::1');
  }
}

/** What of `wanted` answers, on a machine that may be too busy to answer at the first try. */
async function reachedOf(guest: Guest, wanted: readonly string[]): Promise<string[]> {
  const reached = new Set<string>();
  for (let tries = 0; tries < 8 && reached.size < wanted.length; tries += 1) {
    for (const name of await openFrom(place.lab, guest.instance, targetsFor(guest))) reached.add(name);
  }
  return [...reached].toSorted();
}

async function resolves(guest: Guest): Promise<boolean> {
  const argv =
    guest === system
      ? ['timeout', '3', 'getent', 'hosts', 'coi-sibling.incus']
      : ['timeout', '3', 'nslookup', 'coi-sibling.incus', '10.90.0.1'];
  const { stdout } = await place.inside(guest, ...argv);
  return [sibling.ipv4, sibling.ipv6].some((address) => stdout.includes(address));
}

describe.each(['busybox', 'systemd'] as const)('root in a container of %s', (kind) => {
  const guest = () => guests[kind]();

  it('reaches every target when nothing is in the way', async () => {
    await place.bare(small, system, sibling);
    const all = targetsFor(guest())
      .map(({ name }) => name)
      .toSorted();
    const global = all.filter((name) => !name.startsWith('fe80'));
    const direct = await reachedOf(guest(), all);
    await routeSiblings('add');
    await place.isolated('on', [small, system, sibling]);
    const routed = await reachedOf(guest(), global);
    await routeSiblings('del');
    await place.restored(small, system, sibling);
    expect(direct).toEqual(all);
    expect(routed).toEqual(global);
  });

  it.each(['open', 'restricted', 'none'])('mode %s lets through what it says', async (mode) => {
    await place.mode(guest().name, mode, ...(kind === 'systemd' ? [image] : []));
    const allowed = { open: [...publicOnes, ...privateOnes], restricted: publicOnes, none: [] }[mode] ?? [];
    const before = (await internet.received()).length;
    expect(await tryFrom(guest())).toEqual(namesFor(guest(), allowed));
    await routeSiblings('add');
    expect(await tryFrom(guest())).toEqual(namesFor(guest(), allowed));
    await routeSiblings('del');
    const sources = new Set((await internet.received()).slice(before).map(({ source }) => source));
    expect(sources).toEqual(new Set(mode === 'none' ? [] : ['203.0.113.1', '2001:db8:113::1']));
    expect(await resolves(guest())).toBe(mode !== 'none');
    for (const address of [guest().ipv4, guest().ipv6]) {
      expect(await host.order({ do: 'connect', host: address, port })).toBe('open');
      expect(await outside.order({ do: 'connect', host: address, port })).toBe('shut');
    }
  });

  it('gets its addresses from the bridge, also in mode none', async () => {
    await place.inside(guest(), 'ip', 'addr', 'flush', 'dev', 'eth0', 'scope', 'global');
    await place.lab.incus('restart', '--force', guest().instance);
    await place.controller.ready(guest().name, 'running');
    const seen = await until(
      'its addresses',
      async () => {
        const text = await addressesOf(guest());
        return text.includes(`${guest().ipv4}/16`) && text.includes(`${guest().ipv6}/64`) ? text : undefined;
      },
      { timeoutMs: 30_000 },
    );
    expect(seen.match(/inet6? (?!fe80)[0-9a-f.:]+/g)).toHaveLength(2);
    const routes = await place.inside(guest(), 'ip', '-6', 'route', 'show', 'default');
    expect(routes.stdout).toMatch(/proto ra|expires/);
  });
});
