import { createHash } from 'node:crypto';
import type { NetworkRules } from './rules.ts';
import { parseAddress, contains } from './address.ts';
import type { Family } from './address.ts';
import { allowEntries, renderHost } from './allow-entry.ts';
import type { AllowEntry } from './allow-entry.ts';
import { linkLocalAddress } from './endpoint.ts';
import { logChain, logChainSets, logChainValue, type LogChainSet } from './log-chains.ts';
import type { Bridge, Endpoint, NetworkPolicy } from './policy.ts';

/**
 * Sets and maps that hold elements of sandboxes, by family and name. The same few for all sandboxes: what a packet costs
 * does not grow with their number.
 *
 * `live`: address . epoch of flows that pass without being judged again; `epoch`: the mark new flows get; `mode`: the
 * chain that judges; `dns`: whose names our resolver looks up; `host`, `net`: single addresses and ranges that an
 * allowlist names with the web's ports, `hostport`, `netport`: with ports of their own; `box`: denials per sandbox
 * (element counters); `log`, `flow`, `odd`: chains of each sandbox's own, see `log-chains.ts`; with a family: which one; `own`: addresses of sandboxes, on a bridge that is shared with others; `mac`, `who`, `target`,
 * `link`: identity; `lease`: sender . current address . hardware address that a DHCP request may name (RFC 2131, ciaddr,
 * chaddr).
 */
export const elementSets = {
  'inet log': { kind: 'chains', type: '' },
  'inet flow': { kind: 'chains', type: '' },
  'inet odd': { kind: 'chains', type: '' },
  'inet log4': { kind: 'map', type: 'type ipv4_addr : verdict' },
  'inet log6': { kind: 'map', type: 'type ipv6_addr : verdict' },
  'inet flow4': { kind: 'map', type: 'type ipv4_addr : verdict' },
  'inet flow6': { kind: 'map', type: 'type ipv6_addr : verdict' },
  'inet odd4': { kind: 'map', type: 'type ipv4_addr : verdict' },
  'inet odd6': { kind: 'map', type: 'type ipv6_addr : verdict' },
  'inet live4': { kind: 'set', type: 'type ipv4_addr . mark' },
  'inet live6': { kind: 'set', type: 'type ipv6_addr . mark' },
  'inet epoch4': { kind: 'map', type: 'type ipv4_addr : mark' },
  'inet epoch6': { kind: 'map', type: 'type ipv6_addr : mark' },
  'inet mode4': { kind: 'map', type: 'type ipv4_addr : verdict' },
  'inet mode6': { kind: 'map', type: 'type ipv6_addr : verdict' },
  'inet dns4': { kind: 'set', type: 'type ipv4_addr' },
  'inet dns6': { kind: 'set', type: 'type ipv6_addr' },
  'inet host4': { kind: 'set', type: 'type ipv4_addr . ipv4_addr' },
  'inet host6': { kind: 'set', type: 'type ipv6_addr . ipv6_addr' },
  'inet hostport4': { kind: 'set', type: 'type ipv4_addr . ipv4_addr . inet_proto . inet_service' },
  'inet hostport6': { kind: 'set', type: 'type ipv6_addr . ipv6_addr . inet_proto . inet_service' },
  'inet net4': { kind: 'set', type: 'type ipv4_addr . ipv4_addr; flags interval' },
  'inet net6': { kind: 'set', type: 'type ipv6_addr . ipv6_addr; flags interval' },
  'inet netport4': { kind: 'set', type: 'type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags interval' },
  'inet netport6': { kind: 'set', type: 'type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags interval' },
  'inet lease4': { kind: 'set', type: 'typeof ether saddr . @th,160,32 . @th,288,48' },
  'inet box4': { kind: 'set', type: 'type ipv4_addr; counter' },
  'inet box6': { kind: 'set', type: 'type ipv6_addr; counter' },
  'inet own4': { kind: 'set', type: 'type ipv4_addr' },
  'inet own6': { kind: 'set', type: 'type ipv6_addr' },
  'bridge own4': { kind: 'set', type: 'type ipv4_addr' },
  'bridge own6': { kind: 'set', type: 'type ipv6_addr' },
  'bridge mac': { kind: 'set', type: 'type ifname . ether_addr' },
  'bridge who4': { kind: 'set', type: 'type ifname . ether_addr . ipv4_addr' },
  'bridge who6': { kind: 'set', type: 'type ifname . ether_addr . ipv6_addr' },
  'bridge target6': { kind: 'set', type: 'typeof iifname . @th,64,128' },
  'bridge link': { kind: 'set', type: 'typeof iifname . @th,208,48' },
} as const satisfies Record<string, { kind: 'set' | 'map' | 'chains'; type: string }>;

export type SetId = keyof typeof elementSets;

/** In the order in which they can be added: what refers comes after what it refers to. */
export const setIds = Object.keys(elementSets) as SetId[];

export function isSetId(text: string): text is SetId {
  return Object.hasOwn(elementSets, text);
}

/** What stands beside an element's key. */
export interface Element {
  /** Owner, kept as the element's comment; undefined on an element that carries none. */
  readonly uid: string | undefined;
  /** Value of a map's element: a number in decimal, `goto CHAIN` or `jump CHAIN`. */
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
export function epochOf({ uid, rules }: Pick<NetworkPolicy, 'uid' | 'rules'>): number {
  const { mode, localNetwork, metadata, allowed } = rules;
  const hash = createHash('sha256')
    .update(JSON.stringify([uid, mode, localNetwork, metadata, Object.keys(allowed ?? {}).toSorted()]))
    .digest()
    .readUInt32BE(0);
  return hash >>> 4 || 1;
}

/** Name of the chain that judges under these rules; see `skeleton.ts`. */
export function modeChain({ mode, localNetwork, metadata }: NetworkRules): string {
  if (mode === 'open' || mode === 'none') return mode;
  return `${mode}${localNetwork ? '_lan' : ''}${metadata && mode === 'restricted' ? '_meta' : ''}`;
}

/** Every element that one policy needs. The policy's parts must be valid: see `renderRuleset`. */
export function elementsOf(policy: NetworkPolicy, bridge: Pick<Bridge, 'shared'>): PlacedElement[] {
  const { uid, endpoint } = policy;
  const { port, mac, ipv4, ipv6 } = endpoint;
  const own: PlacedElement[] = [
    ...logSets(policy).map((set) => ({ set, key: uid, uid, value: logChainValue(set, policy.watched) })),
    ...addressElements(policy, 4, ipv4),
    // A client that has no address yet, and one that has.
    ...[0n, parseAddress(ipv4)!.value].map(
      (current) => ({ set: 'inet lease4', key: `${mac} . ${current} . ${rawMac(mac)}`, uid }) as const,
    ),
    { set: 'bridge mac', key: `${port} . ${mac}`, uid },
    { set: 'bridge who4', key: `${port} . ${mac} . ${ipv4}`, uid },
    ...(bridge.shared ? ownElements(uid, endpoint) : []),
    { set: 'bridge link', key: `${port} . ${rawMac(mac)}`, uid },
  ];
  if (ipv6 === undefined) return own;
  const linkLocal = linkLocalAddress(mac);
  return [
    ...own,
    ...addressElements(policy, 6, ipv6),
    { set: 'bridge who6', key: `${port} . ${mac} . ${ipv6}`, uid },
    { set: 'bridge who6', key: `${port} . ${mac} . ${linkLocal}`, uid },
    { set: 'bridge target6', key: `${port} . ${rawAddress(ipv6)}`, uid },
    { set: 'bridge target6', key: `${port} . ${rawAddress(linkLocal)}`, uid },
  ];
}

/** The chains that a policy needs. */
function logSets({ watched }: NetworkPolicy): readonly LogChainSet[] {
  return watched === undefined ? ['inet log'] : logChainSets;
}

/** What tells a sandbox's addresses from those of others on the same bridge. */
function ownElements(uid: string, { ipv4, ipv6 }: Endpoint): PlacedElement[] {
  const own: PlacedElement[] = [
    { set: 'inet own4', key: ipv4, uid },
    { set: 'bridge own4', key: ipv4, uid },
  ];
  if (ipv6 === undefined) return own;
  return [...own, { set: 'inet own6', key: ipv6, uid }, { set: 'bridge own6', key: ipv6, uid }];
}

/** What the `inet` table holds for one of a sandbox's addresses. */
function addressElements(policy: NetworkPolicy, family: Family, address: string): PlacedElement[] {
  const { uid, rules } = policy;
  const epoch = String(epochOf(policy));
  const isListed = rules.mode === 'allowlist';
  return [
    ...logSets(policy).map((set): PlacedElement => ({
      set: `${set}${family}`,
      key: address,
      uid,
      value: `goto ${logChain(set, uid)}`,
    })),
    { set: `inet live${family}`, key: `${address} . ${epoch}`, uid },
    { set: `inet epoch${family}`, key: address, uid, value: epoch },
    { set: `inet mode${family}`, key: address, uid, value: `goto ${modeChain(rules)}` },
    { set: `inet box${family}`, key: address, uid },
    ...(isListed ? [{ set: `inet dns${family}`, key: address, uid } as const] : []),
    ...(isListed ? literalElements({ uid, family, address }, allowEntries(rules.allowed)) : []),
  ];
}

const addressBits = { 4: 32, 6: 128 } as const;

type PrefixEntry = Extract<AllowEntry, { kind: 'prefix' }>;

/**
 * Interval sets refuse what overlaps, so an entry that another one covers is left out. They are also slow to change, and
 * nft 1.0.6 ends its watch over each change of one: single addresses, which most entries are, have sets without.
 */
function literalElements(
  { uid, family, address }: { uid: string; family: Family; address: string },
  entries: readonly AllowEntry[],
): PlacedElement[] {
  const literals = entries.filter(
    (entry): entry is PrefixEntry => entry.kind === 'prefix' && entry.prefix.family === family,
  );
  const isCovered = (entry: PrefixEntry) =>
    literals.some((other) => other !== entry && samePort(other, entry) && contains(other.prefix, entry.prefix));
  return literals
    .filter((entry) => !isCovered(entry))
    .map(({ prefix, port }) => {
      const kind = prefix.length === addressBits[family] ? 'host' : 'net';
      const key = `${address} . ${renderHost(prefix)}`;
      return port
        ? { set: `inet ${kind}port${family}`, key: `${key} . ${port.proto} . ${port.port}`, uid }
        : { set: `inet ${kind}${family}`, key, uid };
    });
}

function samePort({ port: a }: AllowEntry, { port: b }: AllowEntry): boolean {
  return a?.port === b?.port && a?.proto === b?.proto;
}

/** An IPv6 address as nft shows raw payload of 128 bits. */
function rawAddress(ipv6: string): string {
  return `0x${parseAddress(ipv6)!.value.toString(16)}`;
}

/** A hardware address as nft lists raw payload of 48 bits. */
function rawMac(mac: string): bigint {
  return BigInt(`0x${mac.replaceAll(':', '')}`);
}
