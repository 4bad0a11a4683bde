import { createHash } from 'node:crypto';
import { parseAddress } from './address.ts';
import { linkLocalAddress } from './endpoint.ts';
import type { NetworkPolicy } from './policy.ts';

/**
 * Sets and maps that hold one element per sandbox and address, by family and name. The same few for all sandboxes: what
 * a packet costs does not grow with their number.
 *
 * `live`: address . epoch of flows that pass without being judged again; `epoch`: the mark new flows get; `mode`: the
 * chain that judges; `box`: denials per sandbox (element counters); `mac`, `who`, `target`: identity.
 */
export const elementSets = {
  'inet live4': { kind: 'set', type: 'type ipv4_addr . mark' },
  'inet live6': { kind: 'set', type: 'type ipv6_addr . mark' },
  'inet epoch4': { kind: 'map', type: 'type ipv4_addr : mark' },
  'inet epoch6': { kind: 'map', type: 'type ipv6_addr : mark' },
  'inet mode4': { kind: 'map', type: 'type ipv4_addr : verdict' },
  'inet mode6': { kind: 'map', type: 'type ipv6_addr : verdict' },
  'inet box4': { kind: 'set', type: 'type ipv4_addr; counter' },
  'inet box6': { kind: 'set', type: 'type ipv6_addr; counter' },
  'bridge mac': { kind: 'set', type: 'type ifname . ether_addr' },
  'bridge who4': { kind: 'set', type: 'type ifname . ether_addr . ipv4_addr' },
  'bridge who6': { kind: 'set', type: 'type ifname . ether_addr . ipv6_addr' },
  'bridge target6': { kind: 'set', type: 'typeof iifname . @th,64,128' },
} as const satisfies Record<string, { kind: 'set' | 'map'; type: string }>;

export type SetId = keyof typeof elementSets;

export const setIds = Object.keys(elementSets) as SetId[];

export function isSetId(text: string): text is SetId {
  return Object.hasOwn(elementSets, text);
}

/** What stands beside an element's key. */
export interface Element {
  /** Owner, kept as the element's comment; undefined on an element that carries none. */
  readonly uid: string | undefined;
  /** Value of a map's element: a number in decimal, or `goto CHAIN`. */
  readonly value?: string;
}

/** Elements by set and key. A key's parts are joined by ` . `, addresses in canonical form, marks in decimal. */
export type Elements = ReadonlyMap<SetId, ReadonlyMap<string, Element>>;

/** One element on its own. */
export interface PlacedElement extends Element {
  readonly set: SetId;
  readonly key: string;
}

/**
 * Conntrack mark of the flows that a policy let through: a hash of what the policy means, in 28 bits, never 0. A policy
 * that means something else gives another epoch, and with it every flow of the sandbox is judged again.
 */
export function epochOf({ uid, mode }: Pick<NetworkPolicy, 'uid' | 'mode'>): number {
  const hash = createHash('sha256')
    .update(JSON.stringify([uid, mode]))
    .digest()
    .readUInt32BE(0);
  return hash >>> 4 || 1;
}

/** Every element that one policy needs. The policy's parts must be valid: see `renderRuleset`. */
export function elementsOf(policy: NetworkPolicy): PlacedElement[] {
  const { uid, mode, endpoint } = policy;
  const { port, mac, ipv4, ipv6 } = endpoint;
  const epoch = String(epochOf(policy));
  const place = (set: SetId, key: readonly string[], value?: string): PlacedElement =>
    value === undefined ? { set, key: key.join(' . '), uid } : { set, key: key.join(' . '), uid, value };
  const elements = [
    place('inet live4', [ipv4, epoch]),
    place('inet epoch4', [ipv4], epoch),
    place('inet mode4', [ipv4], `goto ${mode}`),
    place('inet box4', [ipv4]),
    place('bridge mac', [port, mac]),
    place('bridge who4', [port, mac, ipv4]),
  ];
  if (ipv6 === undefined) return elements;
  const linkLocal = linkLocalAddress(mac);
  return [
    ...elements,
    place('inet live6', [ipv6, epoch]),
    place('inet epoch6', [ipv6], epoch),
    place('inet mode6', [ipv6], `goto ${mode}`),
    place('inet box6', [ipv6]),
    place('bridge who6', [port, mac, ipv6]),
    place('bridge who6', [port, mac, linkLocal]),
    place('bridge target6', [port, rawAddress(ipv6)]),
    place('bridge target6', [port, rawAddress(linkLocal)]),
  ];
}

/** An IPv6 address as nft shows raw payload of 128 bits. */
function rawAddress(ipv6: string): string {
  return `0x${parseAddress(ipv6)!.value.toString(16)}`;
}
