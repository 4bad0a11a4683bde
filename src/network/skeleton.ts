import { parseInterfaceAddress, renderAddress, renderPrefix } from './address.ts';
import type { Family } from './address.ts';
import { flowChains } from './flow-log.ts';
import { answersAsMarked, settleChains, undecidedModes } from './delegated-chains.ts';
import { elementSets, modeChain } from './elements.ts';
import { marks, renderMark } from './marks.ts';
import { rangesOutside } from './outside.ts';
import type { Bridge } from './policy.ts';
import { knownResolvers, resolverPort } from './resolvers.ts';
import { both, toListedPorts, toListedWeb } from './rule-text.ts';
import { ownBridge, sharedBridge } from './sharing.ts';
import type { Sharing } from './sharing.ts';
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
  const sharing = bridge.shared ? sharedBridge(bridge.name) : ownBridge(bridge.name);
  return `table inet coi {
	set generation { type mark; }
${renderSets('inet')}
${Object.entries({ ...timedSets, ...recordSets })
  .map(([name, type]) => `	set ${name} { ${type.replaceAll('; ', ';')}; }`)
  .join('\n')}
${policyChains(side4, side6, judge)}
${hookChains(bridge.name, { side4, side6, sharing, judge })}
}
table bridge coi {
${renderSets('bridge')}
${identityChains(sharing)}
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
/** From a global address the kernel does not tell that one of these is the host's own; nothing beyond the link has one. */
const linkLocal = 'fe80::/10';
/** Only what ends on this link: an advertisement addressed to elsewhere would be a way out. */
const onLink = 'fib daddr . iif type { local, multicast }';

/** Matches where the flow's first packet went, so that it holds for answers, too. Ranges are not for refusing: see {@link refuseTo}. */
function toAny(ip: 'ip' | 'ip6', ranges: readonly string[]): string {
  return `ct original ${ip} daddr { ${ranges.join(', ')} }`;
}

/**
 * Refuses flows to ranges, by matching what lies outside of them: a set of ranges holds nothing for the moment in which the
 * kernel has made the rules of a transaction current and not yet what their sets hold (nf_tables_commit in
 * net/netfilter/nf_tables_api.c), and a flow that is not found refused then would be let through for good.
 */
function refuseTo(ranges: Readonly<Record<Family, readonly string[]>>, which = ''): string {
  return both(
    (ip, family) =>
      `${which}ct original ${ip} daddr != { ${rangesOutside(family, ranges[family]).join(', ')} } goto refuse`,
  );
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
		${ip} saddr != @dns${family} ct state new jump tell_asked${family}
		goto pass
	}`;
  // Jumped to, because what a verdict map leads to does not come back by itself.
  const tellAsked = (ip: 'ip' | 'ip6', family: Family) =>
    `	chain tell_asked${family} { ${ip} saddr vmap @flow${family}; }`;
  return `	chain pass { ${setPassed}; }
	chain refuse {
		ct state != established jump tell_refused
		${both((ip, family) => `${ip} saddr @box${family} goto deny${family}`)}
		counter drop comment "from no sandbox's address"
	}
${both(denyChain)}
	chain turn_away {
		meta l4proto tcp tcp flags & (fin | syn | rst | ack) != syn reject with tcp reset
		reject with icmpx admin-prohibited
	}
	chain stamp {
		${both((ip, family) => `ct mark set ct original ${ip} saddr map @epoch${family} goto stamped`)}
		goto refuse
	}
	chain stamped {
		ct state established ${setPassed}
		meta mark set meta mark | ${renderMark(marks.passed)}
		jump tell_passed
		accept
	}
${flowChains}
	${tellAsked('ip', 4)}
	${tellAsked('ip6', 6)}
	${limitAsking('ip', 4)}
	${limitAsking('ip6', 6)}
	chain host {
		${askForNames(side4, 'ip', 4)}
		${ifPresent(side6, (side) => askForNames(side, 'ip6', 6))}
		goto refuse
	}
	chain none { goto refuse; }
${judge === 'here' ? decidedModes(noSiblings) : undecidedModes(variants.map(modeChain))}`;
}

function decidedModes(noSiblings: string): string {
  return `	chain open {
		${onHost} goto host
		ct original ip6 daddr ${linkLocal} goto refuse
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
		${refuseTo(specialRanges)}
		${variant.mode === 'restricted' ? restrictedRules(variant) : allowlistRules(variant)}
	}`;
}

function restrictedRules({ localNetwork }: Variant): string {
  return `${localNetwork ? '' : refuseTo(privateRanges)}
		${otherResolvers}
		goto stamp`;
}

/** What a person named by address comes first, then what must not be reached by name. */
function allowlistRules({ localNetwork }: Variant): string {
  const stamp = 'goto stamp';
  const near = localNetwork
    ? both((ip, family) => `${toAny(ip, privateRanges[family])} ${stamp}`)
    : refuseTo(privateRanges);
  return `${toListedWeb('host', stamp)}
		${toListedWeb('net', stamp)}
		${toListedPorts('hostport', stamp)}
		${toListedPorts('netport', stamp)}
		${near}
		${otherResolvers}
		${toListedWeb('web', stamp)}
		${toListedPorts('port', stamp)}
		goto refuse`;
}

/** Instead of a jump to `pass` where nearly every packet comes along. */
const setPassed = `meta mark set meta mark | ${renderMark(marks.passed)} accept`;

const otherResolvers = refuseTo(knownResolvers, 'meta l4proto { tcp, udp } ct original proto-dst 443 ');

interface Hooks {
  readonly side4: Side;
  readonly side6: Side | undefined;
  readonly sharing: Sharing;
  readonly judge: Judge;
}

const answersByMode = `ct direction reply ip daddr vmap @mode4
		ct direction reply ip6 daddr vmap @mode6`;

function hookChains(bridgeName: string, hooks: Hooks): string {
  const fromBridge = `iifname "${bridgeName}"`;
  const { gateway } = hooks.side4;
  const { unknownSender, backToBridge, notPassed, toSandboxes } = hooks.sharing;
  return `	chain judge {
		type filter hook prerouting priority ${hooks.judge === 'here' ? 'mangle' : 'mangle - 1'}; policy accept;
		iifname != "${bridgeName}" accept
		${unknownSender}
		ip saddr . ct mark @live4 ${setPassed}
		ip6 saddr . ct mark @live6 ${setPassed}
		ip hdrlength > 5 counter drop comment "a source route would lead on from here"
		exthdr rt exists counter drop comment "so would a routing header"
		ip daddr { ${gateway}, 255.255.255.255 } udp dport 67 goto lease
		${onLink} ip6 nexthdr icmpv6 ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } goto pass
		${onLink} ip6 hoplimit 1 icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } goto pass
		ct state { invalid, untracked } counter drop comment "belongs to no flow"
		ct direction reply ct state established fib daddr type local goto pass comment "answers to the host"
		ct state related meta l4proto { icmp, ipv6-icmp } fib daddr type local goto pass
		ct direction reply goto refuse
		ip saddr vmap @mode4
		ip6 saddr vmap @mode6
		goto refuse
	}
	chain lease {
		udp sport 68 ${ownLease} goto pass
		goto refuse
	}
	chain forward {
		type filter hook forward priority filter - 10; policy accept;
		${fromBridge} goto leave
		${toSandboxes}
	}
	chain leave {
		${notPassed}
		${backToBridge}
	}
	chain enter {
		ip daddr . ct mark @live4 accept
		ip6 daddr . ct mark @live6 accept
		${hooks.judge === 'here' ? answersByMode : answersAsMarked}
		counter drop
	}${hooks.judge === 'here' ? '' : settleChains(bridgeName, onHost)}
	chain input {
		type filter hook input priority filter - 10; policy accept;
		${notPassed}
		iifname "coi*" meta mark & ${renderMark(marks.passed)} == 0 counter drop comment "past the bridge: see arrive"
		${both((ip, family) => `${fromBridge} ${ip} saddr @dns${family} meta l4proto { tcp, udp } th dport 53 counter drop`)}
	}
${translationChains(bridgeName, hooks)}`;
}

/** What goes to the sandboxes from the host itself, and whose addresses are exchanged for others. */
function translationChains(bridgeName: string, { side4: { gateway, prefix }, side6, sharing }: Hooks): string {
  const { onlyTo, onlyFrom } = sharing;
  const fromBridge = `iifname "${bridgeName}"`;
  const toResolver = (ip: 'ip' | 'ip6', family: Family, to: string) =>
    `${fromBridge} ${ip} saddr @dns${family} meta l4proto { tcp, udp } th dport 53 dnat ${ip} to ${to}:${resolverPort}`;
  return `	chain output {
		type filter hook output priority filter - 10; policy accept;
		oifname "${bridgeName}" ${onlyTo('ip', 4)} icmp type destination-unreachable icmp code port-unreachable counter drop comment "a resolver that is away comes back: ask again"
		oifname "${bridgeName}" ${onlyTo('ip6', 6)} icmpv6 type destination-unreachable icmpv6 code port-unreachable counter drop
	}
	chain names {
		type nat hook prerouting priority dstnat; policy accept;
		${toResolver('ip', 4, gateway)}
		${ifPresent(side6, (side) => toResolver('ip6', 6, `[${side.gateway}]`))}
	}
	chain nat {
		type nat hook postrouting priority srcnat; policy accept;
		${fromBridge} oifname != "${bridgeName}" ${onlyFrom('ip', 4, prefix)} masquerade
		${fromBridge} oifname != "${bridgeName}" meta nfproto ipv6 ${onlyFrom('ip6', 6)} masquerade
	}`;
}

const setKnown = `meta mark set ${renderMark(marks.identity)} accept`;

/**
 * Only for oneself and without a relay: a DHCP server answers to whom a request names. Asked of every request, also of
 * those that look like answers to the server's own packets.
 */
const ownLease = '@th,256,32 0 ether saddr . @th,160,32 . @th,288,48 @lease4';

/** Neighbour discovery of that length in bytes, without extension headers: fragments hide what it says (RFC 6980). */
const discovery = (length: number) => `ip6 nexthdr icmpv6 ip6 length ${length}`;

/**
 * Which port may say it is whom. Frames that pass are marked; `judge` wants the mark, so ports with other names on the
 * bridge reach nothing. What nearly all frames are comes first, by one look-up: each port, MAC and address in `who4` and
 * `who6` has its port and MAC in `mac`, too. Neighbour discovery is also held to what it says inside, target and hardware
 * address (options 1 and 2; 14 is the nonce of RFC 7527), or one sandbox could draw the host's packets for another to
 * itself, or have the host's answers to itself, which quote what it sent, delivered to another. So could the DHCP server,
 * which broadcasts: each answer reaches only the port that it is for.
 *
 * Frames to a bridge's group addresses (IEEE 802.1D: 01:80:c2:00:00:0x) never meet `guard`: the bridge hands them to the
 * port itself, so that no rule about the bridge sees them, and learns where their sender is. `arrive` meets them.
 */
const identityChains = ({ otherPorts, bridgeChains }: Sharing) => `${bridgeChains}	chain guard {
		type filter hook prerouting priority -300; policy accept;
		${otherPorts}
		ether type ip iifname . ether saddr . ip saddr @who4 ${setKnown}
		ether type ip6 meta l4proto != ipv6-icmp iifname . ether saddr . ip6 saddr @who6 ${setKnown}
		iifname . ether saddr != @mac counter drop
		ether type vmap { arp : goto who_arp, ip : goto who_ip, ip6 : goto who_ip6 }
		counter drop
	}
	chain known { ${setKnown}; }
	chain who_arp {
		iifname . arp saddr ether . arp saddr ip @who4 goto known
		iifname . arp saddr ether @mac arp saddr ip 0.0.0.0 arp operation request goto known
		counter drop
	}
	chain who_ip {
		ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 goto known
		counter drop
	}
	chain who_ip6 {
		icmpv6 type vmap { nd-router-advert : goto forged, nd-redirect : goto forged, nd-router-solicit : jump asks_router, nd-neighbor-solicit : jump asks_neighbour, nd-neighbor-advert : jump tells }
		iifname . ether saddr . ip6 saddr @who6 goto known
		ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } goto known
		counter drop
	}
	chain forged { counter drop; }
	chain asks_router {
		${discovery(8)} return
		${discovery(16)} @th,64,16 0x0101 iifname . @th,80,48 @link return
		counter drop
	}
	chain asks_neighbour {
		${discovery(24)} return
		${discovery(32)} @th,192,16 0x0101 iifname . @th,208,48 @link return
		ip6 saddr :: ${discovery(32)} @th,192,16 0x0e01 return
		counter drop
	}
	chain tells {
		iifname . @th,64,128 != @target6 counter drop
		${discovery(24)} return
		${discovery(32)} @th,192,16 0x0201 iifname . @th,208,48 @link return
		counter drop
	}
	chain deliver {
		type filter hook output priority -300; policy accept;
		oifname "coi*" udp sport 67 oifname . @th,288,48 != @link counter drop comment "somebody else's lease"
	}
	chain arrive {
		type filter hook input priority -300; policy accept;
		iifname "coi*" meta mark & ${renderMark(marks.identity)} == 0 counter drop
	}
	chain between {
		type filter hook forward priority -300; policy accept;
		iifname "coi*" counter drop
		oifname "coi*" counter drop
	}`;
