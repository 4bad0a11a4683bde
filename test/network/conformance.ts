import type { NetworkRules } from '../../src/network/rules.ts';
import type { TimedElement } from '../../src/network/timed-elements.ts';
import { timedElement } from '../../src/network/timed-elements.ts';
import type { AllowedPort } from '../../src/network/allow-entry.ts';

/** What an allowlist names by address: the web, a resolver, a port of a private host, a UDP port. */
const allowed = Object.fromEntries(
  [
    '203.0.113.10',
    '2001:db8:1::10',
    '1.1.1.1',
    '2606:4700:4700::1111',
    '10.44.0.11:8080',
    '[fd99:1::11]:8080',
    '203.0.113.20:8080/udp',
    '[2001:db8:1::20]:8080/udp',
  ].map((entry) => [entry, true] as const),
);

/** Policies that every backend has to enforce alike, by the letter that stands for them in {@link rows}. */
export const policies = {
  R: { mode: 'restricted' },
  L: { mode: 'restricted', localNetwork: true },
  M: { mode: 'restricted', metadata: true },
  B: { mode: 'restricted', localNetwork: true, metadata: true },
  O: { mode: 'open' },
  N: { mode: 'none' },
  A: { mode: 'allowlist', allowed },
  C: { mode: 'allowlist', allowed, localNetwork: true },
} as const satisfies Record<string, NetworkRules>;

export type PolicyLetter = keyof typeof policies;

/** Where names led allowlist sandboxes: to the web, to a port, and where no name may lead. */
const led: readonly (readonly [string, string, AllowedPort?])[] = [
  ['203.0.113.30', '2001:db8:1::30'],
  ['203.0.113.31', '2001:db8:1::31', { proto: 'tcp', port: 8080 }],
  ['10.44.0.30', 'fd99:1::30'],
  ['9.9.9.9', '2620:fe::9'],
];

/** What the resolver has put in for a sandbox with these addresses. */
export function ledTo(uid: string, { ipv4, ipv6 }: { ipv4: string; ipv6?: string }): TimedElement[] {
  return led.flatMap(([to4, to6, port]) => [
    timedElement({ uid, from: ipv4, to: to4, port, seconds: 600 }),
    ...(ipv6 === undefined ? [] : [timedElement({ uid, from: ipv6, to: to6, port, seconds: 600 })]),
  ]);
}

/** One destination, in both families where it exists in both, and the policies that let it through. */
export interface Row {
  readonly what: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly proto: 'tcp' | 'udp';
  readonly port: number;
  readonly openIn: string;
  /** The host itself answers, not somebody outside. */
  readonly onHost?: true;
}

const restricted = 'RLMB';
const lists = 'AC';
const listed = { ipv4: '203.0.113.10', ipv6: '2001:db8:1::10' };
const other = { ipv4: '203.0.113.20', ipv6: '2001:db8:1::20' };
const named = { ipv4: '203.0.113.30', ipv6: '2001:db8:1::30' };
const namedPort = { ipv4: '203.0.113.31', ipv6: '2001:db8:1::31' };
const near = { ipv4: '10.44.0.10', ipv6: 'fd99:1::10' };
const nearListed = { ipv4: '10.44.0.11', ipv6: 'fd99:1::11' };
const nearNamed = { ipv4: '10.44.0.30', ipv6: 'fd99:1::30' };
const resolver = { ipv4: '1.1.1.1', ipv6: '2606:4700:4700::1111' };
const resolverNamed = { ipv4: '9.9.9.9', ipv6: '2620:fe::9' };
const metadata = { ipv4: '169.254.169.254', ipv6: 'fd00:ec2::254' };
const gateway = { ipv4: '10.90.0.1', ipv6: 'fd42:90::1', onHost: true } as const;
const hostOutside = { ipv4: '203.0.113.1', ipv6: '2001:db8:1::1', onHost: true } as const;

const tcp = (port: number) => ({ proto: 'tcp', port }) as const;
const udp = (port: number) => ({ proto: 'udp', port }) as const;

export const rows: readonly Row[] = [
  { what: 'a listed address, web', ...listed, ...tcp(443), openIn: `${restricted}O${lists}` },
  { what: 'a listed address, web without encryption', ...listed, ...tcp(80), openIn: `${restricted}O${lists}` },
  { what: 'a listed address, HTTP/3', ...listed, ...udp(443), openIn: `${restricted}O${lists}` },
  { what: 'a listed address, a port not named', ...listed, ...tcp(8080), openIn: `${restricted}O` },
  { what: 'an address not listed', ...other, ...tcp(443), openIn: `${restricted}O` },
  { what: 'a listed UDP port', ...other, ...udp(8080), openIn: `${restricted}O${lists}` },
  { what: 'that port over TCP', ...other, ...tcp(8080), openIn: `${restricted}O` },
  { what: 'where a name led', ...named, ...tcp(443), openIn: `${restricted}O${lists}` },
  { what: 'where a name led, another port', ...named, ...tcp(8080), openIn: `${restricted}O` },
  { what: 'where a name with a port led', ...namedPort, ...tcp(8080), openIn: `${restricted}O${lists}` },
  { what: 'where a name with a port led, web', ...namedPort, ...tcp(443), openIn: `${restricted}O` },
  { what: 'a private host', ...near, ...tcp(8080), openIn: 'LBOC' },
  { what: 'a private host over UDP', ...near, ...udp(443), openIn: 'LBOC' },
  { what: 'a listed port of a private host', ...nearListed, ...tcp(8080), openIn: 'LBOAC' },
  { what: 'a private host where a name led', ...nearNamed, ...tcp(443), openIn: 'LBOC' },
  { what: 'a host behind a carrier’s translation', ipv4: '100.64.0.10', ...tcp(443), openIn: 'LBOC' },
  { what: 'a known resolver that is listed', ...resolver, ...tcp(443), openIn: `O${lists}` },
  { what: 'a known resolver where a name led', ...resolverNamed, ...tcp(443), openIn: 'O' },
  { what: 'a known resolver, HTTP/3', ...resolverNamed, ...udp(443), openIn: 'O' },
  { what: 'a known resolver, another port', ...resolverNamed, ...tcp(80), openIn: `${restricted}O${lists}` },
  { what: 'DNS elsewhere', ...listed, ...udp(53), openIn: 'O' },
  { what: 'DNS elsewhere over TCP', ...listed, ...tcp(53), openIn: 'O' },
  { what: 'DNS over TLS', ...listed, ...tcp(853), openIn: 'O' },
  { what: 'the metadata service', ...metadata, ...tcp(80), openIn: 'MBO' },
  { what: 'the metadata service of another cloud', ipv4: '100.100.100.200', ...tcp(80), openIn: 'MBO' },
  { what: 'a special range', ipv4: '198.18.0.10', ipv6: '2002:c000:204::1', ...tcp(443), openIn: 'O' },
  { what: 'the gateway’s names', ...gateway, ...udp(53), openIn: `${restricted}O${lists}` },
  { what: 'the gateway’s names over TCP', ...gateway, ...tcp(53), openIn: `${restricted}O${lists}` },
  { what: 'another port of the gateway', ...gateway, ...tcp(8080), openIn: '' },
  { what: 'a service on another address of the host', ...hostOutside, ...tcp(8080), openIn: '' },
  { what: 'names on another address of the host', ...hostOutside, ...udp(53), openIn: '' },
];

/** Ports that somebody has to answer on. */
export const ports = [53, 80, 443, 853, 8080] as const;

/** A probe's name in results. */
export function nameOf({ what, proto, port }: Row, family: 4 | 6): string {
  return `${what} (IPv${family} ${proto} ${port})`;
}

/** All rows as single probes. */
export function probes(): { readonly name: string; readonly host: string; readonly row: Row }[] {
  return rows.flatMap((row) => [
    ...(row.ipv4 === undefined ? [] : [{ name: nameOf(row, 4), host: row.ipv4, row }]),
    ...(row.ipv6 === undefined ? [] : [{ name: nameOf(row, 6), host: row.ipv6, row }]),
  ]);
}
