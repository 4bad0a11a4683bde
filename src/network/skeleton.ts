import { parseInterfaceAddress, renderAddress, renderPrefix } from './address.ts';
import type { Family } from './address.ts';
import { answersAsMarked, settleChain, undecidedModes } from './delegated-chains.ts';
import { elementSets, modeChain } from './elements.ts';
import { marks, renderMark } from './marks.ts';
import type { Bridge } from './policy.ts';
import { knownResolvers, resolverPort } from './resolvers.ts';
import { both, toListedPorts, toListedWeb } from './rule-text.ts';
import { metadataAddresses, privateRanges, specialRanges } from './special-ranges.ts';
import { recordSets, timedSets } from './timed-elements.ts';

/** What the rules need to know of one address family; absent parts leave their rules out. */
interface Side {
  readonly gateway: string;
  readonly prefix: string;
}

/** Who decides what a sandbox may reach. Identity, marks, address translation and host services stay with nft. */
export type Judge = 'here' | 'elsewhere';

/**
 * Text of the tables without any sandbox's elements, for nft -f: it depends on the bridge alone. Chains of the `inet`
 * table in the order a packet meets them:
 *
 * `judge` decides once, before routing, and marks what may pass; `forward` and `input` drop what came from the bridge
 * without that mark, so each of the three alone keeps the others' absence from opening anything. `enter` lets answers
 * through by the same mode chains, which look at the flow's first packet (`ct original`) and so work in both directions.
 * A flow that was let through carries its sandbox's epoch as conntrack mark: another epoch means it is judged again.
 *
 * @param judge `here`: the mode chains decide; `elsewhere`: another firewall does, see `delegated-chains.ts`
 * @see nft(8); chain names must not be nft keywords
 */
export function renderSkeleton(bridge: Bridge, judge: Judge = 'here'): string {
  const side4 = sideOf(bridge.ipv4);
  const side6 = bridge.ipv6 === undefined ? undefined : sideOf(bridge.ipv6);
  return `table inet coi {
	set generation { type mark; }
${renderSets('inet')}
${Object.entries({ ...timedSets, ...recordSets })
  .map(([name, type]) => `	set ${name} { ${type.replaceAll('; ', ';')}; }`)
  .join('\n')}
${policyChains(side4, side6, judge)}
${hookChains(bridge.name, side4, judge)}
}
table bridge coi {
${renderSets('bridge')}
${identityChains}
}
`;
}

function sideOf(interfaceAddress: string): Side {
  const { address, prefix } = parseInterfaceAddress(interfaceAddress);
  return { gateway: renderAddress(address), prefix: renderPrefix(prefix) };
}

function renderSets(family: 'inet' | 'bridge'): string {
  return Object.entries(elementSets)
    .filter(([id, { kind }]) => kind !== 'chains' && id.startsWith(`${family} `))
    .map(([id, { kind, type }]) => `	${kind} ${id.slice(family.length + 1)} { ${type}; }`)
    .join('\n');
}

/** Rule text for IPv6, or nothing on a bridge without it. */
function ifPresent(side: Side | undefined, rule: (side: Side) => string): string {
  return side ? rule(side) : '';
}

const onHost = 'fib daddr type { local, broadcast, anycast, multicast }';
/** Only what ends on this link: an advertisement addressed to elsewhere would be a way out. */
const onLink = 'fib daddr . iif type { local, multicast }';

/** Matches where the flow's first packet went, so that it holds for answers, too. */
function toAny(ip: 'ip' | 'ip6', ranges: readonly string[]): string {
  return `ct original ${ip} daddr { ${ranges.join(', ')} }`;
}

const namePorts = 'meta l4proto { tcp, udp } ct original proto-dst { 53, 853 }';

interface Variant {
  readonly mode: 'restricted' | 'allowlist';
  readonly localNetwork?: true;
  readonly metadata?: true;
}

const variants: readonly Variant[] = [
  { mode: 'restricted' },
  { mode: 'restricted', localNetwork: true },
  { mode: 'restricted', metadata: true },
  { mode: 'restricted', localNetwork: true, metadata: true },
  { mode: 'allowlist' },
  { mode: 'allowlist', localNetwork: true },
];

function policyChains(side4: Side, side6: Side | undefined, judge: Judge): string {
  const noSiblings = `ct original ip daddr ${side4.prefix} goto refuse
		${ifPresent(side6, ({ prefix }) => `ct original ip6 daddr ${prefix} goto refuse`)}`;
  const askForNames = (side: Side, ip: 'ip' | 'ip6', family: Family) =>
    `${ip} daddr ${side.gateway} meta l4proto { tcp, udp } th dport 53 goto asks${family}`;
  const limitAsking = (ip: 'ip' | 'ip6', family: Family) => `	chain asks${family} {
		update @asking${family} { ${ip} saddr limit rate over 200/second burst 400 packets } counter drop
		goto pass
	}`;
  return `	chain pass { meta mark set meta mark | ${renderMark(marks.passed)} accept; }
	chain refuse {
		${both((ip, family) => `${ip} saddr vmap @log${family}`)}
		${both((ip, family) => `${ip} saddr @box${family} goto deny${family}`)}
		counter drop comment "from no sandbox's address"
	}
${both(denyChain)}
	chain turn_away {
		meta l4proto tcp tcp flags & (fin | syn | rst | ack) != syn reject with tcp reset
		reject with icmpx admin-prohibited
	}
	chain stamp {
		${both((ip, family) => `ct mark set ct original ${ip} saddr map @epoch${family} goto pass`)}
		goto refuse
	}
	${limitAsking('ip', 4)}
	${limitAsking('ip6', 6)}
	chain host {
		${askForNames(side4, 'ip', 4)}
		${ifPresent(side6, (side) => askForNames(side, 'ip6', 6))}
		goto refuse
	}
	chain none { goto refuse; }
${judge === 'here' ? modeChains(noSiblings) : undecidedModes(variants.map(modeChain))}`;
}

function modeChains(noSiblings: string): string {
  return `	chain open {
		${onHost} goto host
		${noSiblings}
		goto stamp
	}
${variants.map((variant) => variantChain(variant, noSiblings)).join('\n')}`;
}

/** Counts what is refused by where it was to go; a set that is full only stops counting. */
function denyChain(ip: 'ip' | 'ip6', family: Family): string {
  return `	chain deny${family} {
		meta l4proto { tcp, udp } update @denied${family} { ${ip} saddr . ${ip} daddr . meta l4proto . th dport }
		meta l4proto != { tcp, udp } update @other${family} { ${ip} saddr . ${ip} daddr . meta l4proto }
		goto turn_away
	}`;
}

function variantChain(variant: Variant, noSiblings: string): string {
  const metadata = variant.metadata ? 'stamp' : 'refuse';
  return `	chain ${modeChain(variant)} {
		${onHost} goto host
		${noSiblings}
		${namePorts} goto refuse
		${both((ip, family) => `${toAny(ip, metadataAddresses[family])} goto ${metadata}`)}
		${both((ip, family) => `${toAny(ip, specialRanges[family])} goto refuse`)}
		${variant.mode === 'restricted' ? restrictedRules(variant) : allowlistRules(variant)}
	}`;
}

function restrictedRules({ localNetwork }: Variant): string {
  return `${localNetwork ? '' : both((ip, family) => `${toAny(ip, privateRanges[family])} goto refuse`)}
		${otherResolvers}
		goto stamp`;
}

/** What a person named by address comes first, then what must not be reached by name. */
function allowlistRules({ localNetwork }: Variant): string {
  const near = localNetwork ? 'stamp' : 'refuse';
  return `${toListedWeb('net', 'goto stamp')}
		${toListedPorts('netport', 'goto stamp')}
		${both((ip, family) => `${toAny(ip, privateRanges[family])} goto ${near}`)}
		${otherResolvers}
		${toListedWeb('web', 'goto stamp')}
		${toListedPorts('port', 'goto stamp')}
		goto refuse`;
}

const otherResolvers = both(
  (ip, family) =>
    `${toAny(ip, knownResolvers[family])} meta l4proto { tcp, udp } ct original proto-dst 443 goto refuse`,
);

const answersByMode = `ct direction reply ip daddr vmap @mode4
		ct direction reply ip6 daddr vmap @mode6`;

function hookChains(bridgeName: string, { gateway, prefix }: Side, judge: Judge): string {
  const fromBridge = `iifname "${bridgeName}"`;
  const notPassed = `meta mark & ${renderMark(marks.passed)} == 0`;
  return `	chain judge {
		type filter hook prerouting priority ${judge === 'here' ? 'mangle' : 'mangle - 1'}; policy accept;
		iifname != "${bridgeName}" accept
		meta mark & ${renderMark(marks.identity)} == 0 counter drop comment "the bridge table did not vouch for it"
		ip saddr . ct mark @live4 goto pass
		ip6 saddr . ct mark @live6 goto pass
		ip daddr { ${gateway}, 255.255.255.255 } udp sport 68 udp dport 67 goto pass
		${onLink} ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } goto pass
		${onLink} ip6 hoplimit 1 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } goto pass
		ct state { invalid, untracked } counter drop comment "belongs to no flow"
		ct direction reply ct state established fib daddr type local goto pass comment "answers to the host"
		ct state related meta l4proto { icmp, ipv6-icmp } fib daddr type local goto pass
		ct direction reply goto refuse
		ip saddr vmap @mode4
		ip6 saddr vmap @mode6
		goto refuse
	}
	chain forward {
		type filter hook forward priority filter - 10; policy accept;
		${fromBridge} oifname "${bridgeName}" counter drop
		${fromBridge} ${notPassed} counter drop
		oifname "${bridgeName}" goto enter
	}
	chain enter {
		ip daddr . ct mark @live4 accept
		ip6 daddr . ct mark @live6 accept
		${judge === 'here' ? answersByMode : answersAsMarked}
		counter drop
	}${judge === 'here' ? '' : settleChain(bridgeName, onHost)}
	chain input {
		type filter hook input priority filter - 10; policy accept;
		${fromBridge} ${notPassed} counter drop
		${both((ip, family) => `${fromBridge} ${ip} saddr @dns${family} meta l4proto { tcp, udp } th dport 53 counter drop`)}
	}
	chain output {
		type filter hook output priority filter - 10; policy accept;
		oifname "${bridgeName}" icmp type destination-unreachable icmp code port-unreachable counter drop comment "a resolver that is away comes back: ask again"
		oifname "${bridgeName}" icmpv6 type destination-unreachable icmpv6 code port-unreachable counter drop
	}
	chain names {
		type nat hook prerouting priority dstnat; policy accept;
		${both((ip, family) => `${fromBridge} ${ip} saddr @dns${family} meta l4proto { tcp, udp } th dport 53 redirect to :${resolverPort}`)}
	}
	chain nat {
		type nat hook postrouting priority srcnat; policy accept;
		${fromBridge} oifname != "${bridgeName}" ip saddr ${prefix} masquerade
		${fromBridge} oifname != "${bridgeName}" meta nfproto ipv6 masquerade
	}`;
}

/**
 * Which port may say it is whom. Frames that pass are marked; `judge` wants the mark, so ports with other names on the
 * bridge reach nothing. A neighbour advertisement is also held to its target, or one sandbox could draw the host's
 * packets for another to itself.
 */
const identityChains = `	chain guard {
		type filter hook prerouting priority -300; policy accept;
		iifname != "coi*" accept
		iifname . ether saddr != @mac counter drop
		ether type vmap { arp : goto who_arp, ip : goto who_ip, ip6 : goto who_ip6 }
		counter drop
	}
	chain known { meta mark set ${renderMark(marks.identity)} accept; }
	chain who_arp {
		iifname . arp saddr ether . arp saddr ip @who4 goto known
		iifname . arp saddr ether @mac arp saddr ip 0.0.0.0 arp operation request goto known
		counter drop
	}
	chain who_ip {
		iifname . ether saddr . ip saddr @who4 goto known
		ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 goto known
		counter drop
	}
	chain who_ip6 {
		icmpv6 type { nd-router-advert, nd-redirect } counter drop
		icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @target6 counter drop
		iifname . ether saddr . ip6 saddr @who6 goto known
		ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } goto known
		counter drop
	}
	chain between {
		type filter hook forward priority -300; policy accept;
		iifname "coi*" counter drop
		oifname "coi*" counter drop
	}`;
