import { hostAddresses } from '../../network/targets.ts';
import type { Guest, Place } from '../../network/place.ts';
import type { Lab } from '../lab.ts';
import type { Neighbour, NeighbourName } from '../neighbour.ts';
import { until } from '../until.ts';
import type { Surroundings } from './sender.ts';
import { Tap, tapArgv } from './tap.ts';
import { listedNames } from './techniques/names.ts';
import { allowed, modes, type Mode } from './technique.ts';

export const neighbours: readonly NeighbourName[] = ['internet', 'private', 'otherHost'];

/** What the techniques need of the world: metadata by IPv6, and a host that does what careless ones do. */
export async function prepareHost(lab: Lab, inner: Neighbour): Promise<void> {
  for (const address of ['fd00:ec2::254', '169.254.170.2', '100.100.100.200']) {
    await inner.addAddress(address);
    const via = address.includes(':') ? inner.ipv6 : inner.ipv4;
    await lab.inside.output(['ip', 'route', 'add', address, 'via', via, 'dev', 'lab-private']);
  }
  // Whose packets come from anywhere, and who passes on what a packet asks for.
  const links = ['ipv6.conf.all', 'ipv6.conf.coibr0'];
  await lab.inside.output([
    'sysctl',
    '-qw',
    ...links.flatMap((scope) => [`net.${scope}.seg6_enabled=1`, `net.${scope}.rpl_seg_enabled=1`]),
  ]);
  await lab.inside.output([
    'sysctl',
    '-qw',
    'net.ipv4.conf.coibr0.route_localnet=1',
    'net.ipv6.conf.coibr0.suppress_frag_ndisc=0',
  ]);
  const settings = ['ipv4.conf.all', 'ipv4.conf.default', 'ipv4.conf.coibr0', 'ipv6.conf.all', 'ipv6.conf.coibr0'];
  await lab.inside.output(['sysctl', '-qw', ...settings.map((scope) => `net.${scope}.accept_source_route=1`)]);
}

/** A sandbox that tries everything, once it has its addresses. */
export async function openGuest(place: Place, mode: Mode, index: number): Promise<Guest> {
  const keys = modes[mode].map((line) => `network.${line}`);
  const list = `network.allowed_domains = ${JSON.stringify([allowed.ipv4, allowed.ipv6, ...listedNames])}`;
  const guest = await place.guest(
    `g${index}`,
    'image = "perl"',
    ...keys,
    ...(mode.startsWith('allowlist') ? [list] : []),
  );
  await until('its addresses', async () => {
    const { stdout } = await place.inside(guest, 'ip', 'address', 'show', 'dev', 'eth0');
    return stdout.includes(guest.ipv4) && stdout.includes(guest.ipv6) && !stdout.includes('tentative');
  });
  return guest;
}

/** By spot; those of sandboxes by mode. */
export async function openTaps(place: Place, guests: readonly (readonly [string, Guest])[]): Promise<Map<string, Tap>> {
  const { lab } = place;
  const taps = new Map<string, Tap>([
    ['ports', new Tap(lab.spawn(tapArgv('links')))],
    ['host', new Tap(lab.spawn(tapArgv('programs')))],
  ]);
  for (const name of neighbours) taps.set(name, new Tap((await lab.neighbour(name)).spawn(tapArgv('links'))));
  for (const [name, { instance }] of guests) {
    taps.set(name, await tapInside(place, instance));
  }
  await Promise.all([...taps.values()].map((tap) => tap.ready()));
  return taps;
}

/** What the sandboxes' roots know. */
export async function surroundingsOf(lab: Lab, sibling: Guest): Promise<Omit<Surroundings, 'guest'>> {
  const all = await hostAddresses(lab);
  const linkLocal = all.find((address) => address.startsWith('fe80')) ?? '';
  return {
    gatewayMac: (await lab.inside.output(['cat', '/sys/class/net/coibr0/address'])).trim(),
    siblingMac: sibling.mac,
    sibling4: sibling.ipv4,
    sibling6: sibling.ipv6,
    hostAddresses: all.filter((address) => !address.includes('%')),
    hostLinkLocal: linkLocal.replace('%eth0', ''),
  };
}

/** A tap on the links of a container. */
export async function tapInside(place: Place, instance: string): Promise<Tap> {
  return new Tap(place.lab.spawn(['nsenter', `--net=/proc/${await place.pid(instance)}/ns/net`, ...tapArgv('links')]));
}
