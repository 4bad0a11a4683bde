import { contains, parseInterfaceAddress, parsePrefix, renderPrefix } from './address.ts';
import type { Address, InterfaceAddress, Prefix } from './address.ts';
import { allowEntries, matchesName, renderAllowEntry, webPorts } from './allow-entry.ts';
import type { AllowEntry, AllowedPort } from './allow-entry.ts';
import type { Destination } from './destination.ts';
import type { NameDenial } from './names/denied-name.ts';
import { judgeName as judgeListed, nameRules } from './names/name-rules.ts';
import type { Bridge } from './policy.ts';
import { knownResolvers } from './resolvers.ts';
import type { NetworkRules } from './rules.ts';
import { metadataAddresses, privateRanges, specialRanges } from './special-ranges.ts';

/** The rule that decides about a packet, in the order in which the rules are asked. */
export type RuleName =
  | 'mode-none'
  | 'dhcp'
  | 'no-ipv6'
  | 'names'
  | 'host-service'
  | 'sibling'
  | 'open'
  | 'other-resolver'
  | 'metadata'
  | 'special'
  | 'listed'
  | 'private'
  | 'known-resolver'
  | 'led-to'
  | 'not-listed'
  | 'suspicious'
  | 'public';

/** What is to become of a packet, and why. */
export interface Judgement {
  readonly allowed: boolean;
  readonly rule: RuleName;
  /** The range of {@link RuleName} `special`, `private` or `known-resolver` that holds the address, or the bridge's. */
  readonly range?: string;
  /** The entry of the allowlist that lets it through. */
  readonly entry?: string;
}

/** What surrounds a sandbox. */
export interface Surroundings {
  readonly bridge: Bridge;
  /** What the host takes for its own: addresses, broadcast, anycast. See `host/link/local-addresses.ts`. */
  readonly host: readonly Prefix[];
  /** Whether a name led the sandbox to this destination, and that still holds: what the kernel's timed sets say. */
  readonly isLedTo?: (destination: Destination) => boolean;
}

/** What the kernel takes for itself on every host: this host, broadcast, multicast. See fib types in nft(8). */
const always = prefixes(['0.0.0.0/32', '224.0.0.0/4', '255.255.255.255/32', 'ff00::/8']);
const linkLocal = ranges({ 4: [], 6: ['fe80::/10'] });
const isWith = ({ proto, port }: Destination, ports: readonly number[]) =>
  (proto === 'tcp' || proto === 'udp') && port !== undefined && ports.includes(port);

/**
 * Says what the rules of `skeleton.ts` do with the first packet of a flow that a sandbox sends from its own address. The
 * order is theirs; a test compares both.
 */
export function judge(rules: NetworkRules, around: Surroundings, to: Destination): Judgement {
  const { ipv4, ipv6 } = around.bridge;
  const own = to.address.family === 4 ? ipv4 : ipv6;
  // Only a client's own request, from the client's port: any other datagram there is one to a service of the host.
  if (isDhcp(to, parseInterfaceAddress(ipv4).address)) return { allowed: true, rule: 'dhcp' };
  if (own === undefined) return { allowed: false, rule: 'no-ipv6' };
  if (rules.mode === 'none') return { allowed: false, rule: 'mode-none' };
  const packet: Packet = { rules, around, to, gateway: parseInterfaceAddress(own) };
  for (const rule of [...near, ...(rules.mode === 'open' ? open : far)]) {
    const judgement = rule(packet);
    if (judgement) return judgement;
  }
  return { allowed: false, rule: 'not-listed' };
}

function isDhcp({ address, proto, port }: Destination, gateway: Address): boolean {
  return (
    address.family === 4 && proto === 'udp' && port === 67 && [gateway.value, 0xffff_ffffn].includes(address.value)
  );
}

interface Packet {
  readonly rules: NetworkRules;
  readonly around: Surroundings;
  readonly to: Destination;
  /** The bridge's own address of this family. */
  readonly gateway: InterfaceAddress;
}

/** Decides, or leaves it to the next one. */
type Rule = (packet: Packet) => Judgement | undefined;

const toHost: Rule = ({ around, to, gateway }) => {
  const isGateway = gateway.address.value === to.address.value;
  if (!isGateway && ![...always, ...around.host].some((range) => contains(range, to.address))) return undefined;
  return isGateway && isWith(to, [53]) ? { allowed: true, rule: 'names' } : { allowed: false, rule: 'host-service' };
};

const toSibling: Rule = ({ to, gateway }) =>
  contains(gateway.prefix, to.address)
    ? { allowed: false, rule: 'sibling', range: renderPrefix(gateway.prefix) }
    : undefined;

const toLink: Rule = ({ to }) => {
  const range = within(linkLocal, to);
  return range === undefined ? undefined : { allowed: false, rule: 'special', range };
};

const toOtherResolver: Rule = ({ to }) =>
  isWith(to, [53, 853]) ? { allowed: false, rule: 'other-resolver' } : undefined;

const toMetadata: Rule = ({ rules, to }) =>
  within(metadata, to) === undefined
    ? undefined
    : { allowed: rules.mode === 'restricted' && rules.metadata === true, rule: 'metadata' };

const toSpecial: Rule = ({ to }) => {
  const range = within(specials, to);
  return range === undefined ? undefined : { allowed: false, rule: 'special', range };
};

const toListed: Rule = ({ rules, to }) => {
  const entry = rules.mode === 'allowlist' ? literalFor(rules, to) : undefined;
  return entry && { allowed: true, rule: 'listed', entry: renderAllowEntry(entry) };
};

const toPrivate: Rule = ({ rules, to }) => {
  const range = within(privates, to);
  return range === undefined ? undefined : { allowed: rules.localNetwork === true, rule: 'private', range };
};

const toKnownResolver: Rule = ({ to }) => {
  const range = isWith(to, [443]) ? within(resolvers, to) : undefined;
  return range === undefined ? undefined : { allowed: false, rule: 'known-resolver', range };
};

const toRest: Rule = ({ rules, around, to }) => {
  if (rules.mode === 'restricted') return { allowed: true, rule: 'public' };
  return around.isLedTo?.(to) ? { allowed: true, rule: 'led-to' } : undefined;
};

const near: readonly Rule[] = [toHost];
const open: readonly Rule[] = [toLink, toSibling, () => ({ allowed: true, rule: 'open' })];
const far: readonly Rule[] = [
  toSibling,
  toOtherResolver,
  toMetadata,
  toSpecial,
  toListed,
  toPrivate,
  toKnownResolver,
  toRest,
];

function literalFor({ allowed }: NetworkRules, to: Destination): AllowEntry | undefined {
  return allowEntries(allowed).find(
    (entry) => entry.kind === 'prefix' && contains(entry.prefix, to.address) && opens(entry, to),
  );
}

/** Whether an entry opens a port: that of its own, or those of the web. */
function opens(
  { port }: { readonly port?: AllowedPort | undefined },
  to: Pick<Destination, 'proto' | 'port'>,
): boolean {
  const ports = port ? [port] : webPorts;
  return ports.some((each) => each.proto === to.proto && each.port === to.port);
}

/** What becomes of connections to a name, as far as its name tells. */
export interface NameJudgement extends Judgement {
  /** Whether the address that the name leads to has a say, too. */
  readonly dependsOnAddress?: true;
}

/** Says whether a name may be asked for and reached at a port. Nobody is asked for its addresses. */
export function judgeName(
  rules: NetworkRules,
  name: string,
  to: { readonly proto: 'tcp' | 'udp'; readonly port: number },
): NameJudgement {
  if (rules.mode === 'none') return { allowed: false, rule: 'mode-none' };
  if (rules.mode === 'open') return { allowed: true, rule: 'open', dependsOnAddress: true };
  if (to.port === 53 || to.port === 853) return { allowed: false, rule: 'other-resolver' };
  if (rules.mode === 'restricted') return { allowed: true, rule: 'public', dependsOnAddress: true };
  const verdict = judgeListed(nameRules(rules), name);
  if (verdict.kind === 'denied') return { allowed: false, rule: refusedNames[verdict.reason] ?? 'not-listed' };
  const entry = allowEntries(rules.allowed).find((each) => matchesName(each, name) && opens(each, to));
  if (!entry || !verdict.ports.some((port) => opens({ port }, to))) return { allowed: false, rule: 'not-listed' };
  return { allowed: true, rule: 'listed', entry: renderAllowEntry(entry), dependsOnAddress: true };
}

const refusedNames: Readonly<Partial<Record<NameDenial, RuleName>>> = {
  'known resolver': 'known-resolver',
  suspicious: 'suspicious',
};

interface Range {
  readonly prefix: Prefix;
  readonly text: string;
}

const metadata = ranges(metadataAddresses);
const specials = ranges(specialRanges);
const privates = ranges(privateRanges);
const resolvers = ranges(knownResolvers);

function ranges(texts: { readonly 4: readonly string[]; readonly 6: readonly string[] }): readonly Range[] {
  return [...texts[4], ...texts[6]].map((text) => ({ prefix: parsePrefix(text)!, text }));
}

function prefixes(texts: readonly string[]): readonly Prefix[] {
  return texts.map((text) => parsePrefix(text)!);
}

function within(all: readonly Range[], { address }: Destination): string | undefined {
  return all.find(({ prefix }) => contains(prefix, address))?.text;
}
