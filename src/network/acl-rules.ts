import { contains, parseAddress, parseInterfaceAddress, parsePrefix, renderAddress, renderPrefix } from './address.ts';
import type { Family, Prefix } from './address.ts';
import { webPorts } from './allow-entry.ts';
import type { AllowedPort } from './allow-entry.ts';
import type { Elements } from './elements.ts';
import type { Bridge } from './policy.ts';
import { knownResolvers, resolverPort } from './resolvers.ts';
import { isPrivate, isSpecial, metadataAddresses, privateRanges, specialRanges } from './special-ranges.ts';
import type { TimedElement } from './timed-elements.ts';

/** One egress rule of an Incus network ACL for one sandbox. Lists are joined by commas, as Incus takes them. */
export interface EgressRule {
  readonly action: 'allow' | 'reject';
  readonly source: string;
  readonly destination?: string;
  readonly protocol?: 'tcp' | 'udp';
  readonly destination_port?: string;
  /** `coi:UID`: whose rule it is. */
  readonly description: string;
  readonly state: 'enabled';
}

const ownerPrefix = 'coi:';

/** Whose rule it is, from the whole of its description; undefined for a rule that is not ours. */
export function aclRuleOwner(description: string | undefined): string | undefined {
  return description?.startsWith(ownerPrefix) ? description.slice(ownerPrefix.length) : undefined;
}

/** What rules for sandboxes are made from. */
export interface AclInput {
  readonly bridge: Bridge;
  readonly elements: Elements;
  /** Addresses that names lead to at this moment. */
  readonly timed: readonly TimedElement[];
}

/**
 * Egress rules by sandbox. Incus applies rejections before permissions whatever their order, and rejects what no rule
 * allows. It accepts flows that are established before it looks at any rule, cannot tell what names led to from what is
 * named, and lets everybody ask the gateway for names: that stays with nft.
 *
 * @see Incus documentation, "How to configure network ACLs", "Rule ordering and priority"
 */
export function aclRules({ bridge, elements, timed }: AclInput): Map<string, EgressRule[]> {
  const rules = new Map<string, EgressRule[]>();
  const byOwner = Map.groupBy(timed, ({ uid }) => uid);
  for (const family of [4, 6] as const) {
    for (const [source, { uid, value = '' }] of elements.get(`inet mode${family}`) ?? []) {
      if (uid === undefined) continue;
      const seat = { uid, source, family, mode: value.replace('goto ', ''), bridge };
      const listed = () => [...literals(elements, seat), ...led(byOwner.get(uid) ?? [], seat)];
      rules.set(uid, [...(rules.get(uid) ?? []), ...modeRules(seat, listed)]);
    }
  }
  return rules;
}

interface Seat {
  readonly uid: string;
  readonly source: string;
  readonly family: Family;
  readonly mode: string;
  readonly bridge: Bridge;
}

/** Incus takes these for IPv4 and refuses them beside IPv6; nft alone refuses packets to them, which no kernel sends. */
const mappedRange = '::ffff:0:0/96';

type Match = Pick<EgressRule, 'destination' | 'protocol' | 'destination_port'>;

function rule({ uid, source }: Seat, action: EgressRule['action'], match: Match): EgressRule {
  return { action, source, ...match, description: `${ownerPrefix}${uid}`, state: 'enabled' };
}

function modeRules(seat: Seat, listed: () => Match[]): EgressRule[] {
  const { mode, family, bridge } = seat;
  if (mode === 'none') return [];
  const near = mode.includes('_lan');
  const isList = mode.startsWith('allowlist');
  const siblings = renderPrefix(parseInterfaceAddress(family === 4 ? bridge.ipv4 : bridge.ipv6!).prefix);
  const reject = (match: Match) => rule(seat, 'reject', match);
  const allow = (match: Match) => rule(seat, 'allow', match);
  if (mode === 'open') {
    return [reject({ destination: family === 6 ? `${siblings},fe80::/10` : siblings }), allow({})];
  }
  const unreachable = specialRanges[family].filter((range) => range !== mappedRange);
  const special = mode.endsWith('_meta') ? withoutMetadata(unreachable, family) : unreachable;
  const metadata = mode.endsWith('_meta') ? [] : metadataAddresses[family].filter((each) => !isIn(each, special));
  const names = (['tcp', 'udp'] as const).map((protocol) => reject({ protocol, destination_port: '53,853' }));
  const floor = [reject({ destination: [...special, ...metadata].join(',') }), ...names];
  // An allowlist's own entries may lie among what is near, and Incus would put a rejection of those first.
  if (isList) {
    const all = near ? [...listed(), { destination: privateRanges[family].join(',') }] : listed();
    return [...floor, ...all.map(allow), ...ownNames(seat).map(allow)];
  }
  const far = mode.endsWith('_meta') ? withoutMetadata(privateRanges[family], family) : privateRanges[family];
  const resolvers = (['tcp', 'udp'] as const).map((protocol) =>
    reject({ destination: knownResolvers[family].join(','), protocol, destination_port: '443' }),
  );
  return [
    ...floor,
    reject({ destination: siblings }),
    ...(near ? [] : [reject({ destination: far.join(',') })]),
    ...resolvers,
    allow({}),
  ];
}

/** Where an allowlist sandbox's questions for names end: the redirection comes before Incus' rules. */
function ownNames({ family, bridge }: Seat): Match[] {
  const { address } = parseInterfaceAddress(family === 4 ? bridge.ipv4 : bridge.ipv6!);
  return (['tcp', 'udp'] as const).map((protocol) => ({
    destination: renderAddress(address),
    protocol,
    destination_port: String(resolverPort),
  }));
}

const web = [...Map.groupBy(webPorts, ({ proto }) => proto)];

function webMatches(destination: string, ports: readonly (readonly [AllowedPort['proto'], AllowedPort[]])[]): Match[] {
  return ports.map(([protocol, list]) => ({
    destination,
    protocol,
    destination_port: list.map(({ port }) => port).join(','),
  }));
}

/** What an allowlist names by address. */
function literals(elements: Elements, { uid, source, family }: Seat): Match[] {
  const mine = (set: 'host' | 'net' | 'hostport' | 'netport') =>
    [...(elements.get(`inet ${set}${family}`) ?? [])].flatMap(([key, { uid: owner }]) => {
      const [from, ...rest] = key.split(' . ');
      return owner === uid && from === source ? [rest] : [];
    });
  return [
    ...[...mine('host'), ...mine('net')].flatMap(([to]) => webMatches(to!, web)),
    ...[...mine('hostport'), ...mine('netport')].map(([to, protocol, port]) => portMatch(to!, protocol!, port!)),
  ];
}

function portMatch(destination: string, protocol: string, port: string): Match {
  return { destination, protocol: protocol === 'udp' ? 'udp' : 'tcp', destination_port: port };
}

/** Where names led, but for places that no name may lead to. */
function led(timed: readonly TimedElement[], { source, family }: Seat): Match[] {
  return timed.flatMap(({ key }) => {
    const [from, to = '', protocol, port] = key.split(' . ');
    const address = parseAddress(to);
    if (from !== source || address?.family !== family || isPrivate(address) || isSpecial(address)) return [];
    const isResolver = isIn(to, knownResolvers[family]);
    if (protocol !== undefined && port !== undefined)
      return isResolver && port === '443' ? [] : [portMatch(to, protocol, port)];
    if (!isResolver) return webMatches(to, web);
    const other = web.map(([proto, list]) => [proto, list.filter((each) => each.port !== 443)] as const);
    return webMatches(
      to,
      other.flatMap(([proto, list]) => (list.length > 0 ? [[proto, list] as const] : [])),
    );
  });
}

function isIn(address: string, ranges: readonly string[]): boolean {
  const parsed = parseAddress(address)!;
  return ranges.some((range) => {
    const prefix = parsePrefix(range)!;
    return prefix.family === parsed.family && contains(prefix, parsed);
  });
}

/** The same ranges with the metadata service's addresses cut out, because a rejection always wins. */
function withoutMetadata(ranges: readonly string[], family: Family): string[] {
  const holes = metadataAddresses[family].map((address) => parsePrefix(address)!);
  return ranges.flatMap((range) => cut(parsePrefix(range)!, holes).map(renderPrefix));
}

/** Splits a prefix in halves until each is free of holes or is one. */
function cut(prefix: Prefix, holes: readonly Prefix[]): Prefix[] {
  const inside = holes.filter((hole) => hole.family === prefix.family && contains(prefix, hole));
  if (inside.length === 0) return [prefix];
  const width = prefix.family === 4 ? 32 : 128;
  if (prefix.length === width) return [];
  const length = prefix.length + 1;
  const upper = prefix.value | (1n << BigInt(width - length));
  return [
    { ...prefix, length },
    { ...prefix, length, value: upper },
  ].flatMap((half) => cut(half, inside));
}
