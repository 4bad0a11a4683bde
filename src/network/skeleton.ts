import { parseInterfaceAddress, renderAddress, renderPrefix } from './address.ts';
import { elementSets } from './elements.ts';
import { marks, renderMark } from './marks.ts';
import type { Bridge } from './policy.ts';
import { specialRanges4, specialRanges6 } from './special-ranges.ts';

/** Prefix of the log lines that denied packets leave in the kernel log. */
export const denialPrefix = 'coi-deny ';

/** What the rules need to know of one address family; absent parts leave their rules out. */
interface Side {
  readonly gateway: string;
  readonly prefix: string;
}

/**
 * Text of the tables without any sandbox's elements, for nft -f: it depends on the bridge alone. Chains of the `inet`
 * table in the order a packet meets them:
 *
 * `judge` decides once, before routing, and marks what may pass; `forward` and `input` drop what came from the bridge
 * without that mark, so each of the three alone keeps the others' absence from opening anything. `enter` lets answers
 * through by the same mode chains, which look at the flow's first packet (`ct original`) and so work in both directions.
 * A flow that was let through carries its sandbox's epoch as conntrack mark: another epoch means it is judged again.
 *
 * @see nft(8); chain names must not be nft keywords
 */
export function renderSkeleton(bridge: Bridge): string {
  const side4 = sideOf(bridge.ipv4);
  const side6 = bridge.ipv6 === undefined ? undefined : sideOf(bridge.ipv6);
  return `table inet coi {
	set generation { type mark; }
${renderSets('inet')}
${policyChains(side4, side6)}
${hookChains(bridge.name, side4)}
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
    .filter(([id]) => id.startsWith(`${family} `))
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

function policyChains(side4: Side, side6: Side | undefined): string {
  const noSiblings = `ct original ip daddr ${side4.prefix} goto refuse
		${ifPresent(side6, ({ prefix }) => `ct original ip6 daddr ${prefix} goto refuse`)}`;
  return `	chain pass { meta mark set meta mark | ${renderMark(marks.passed)} accept; }
	chain refuse {
		limit rate 5/second burst 20 packets log prefix "${denialPrefix}"
		ip saddr @box4 drop
		ip6 saddr @box6 drop
		counter drop comment "from no sandbox's address"
	}
	chain stamp {
		ct mark set ct original ip saddr map @epoch4 goto pass
		ct mark set ct original ip6 saddr map @epoch6 goto pass
		goto refuse
	}
	chain host {
		ip daddr ${side4.gateway} meta l4proto { tcp, udp } th dport 53 goto pass
		${ifPresent(side6, ({ gateway }) => `ip6 daddr ${gateway} meta l4proto { tcp, udp } th dport 53 goto pass`)}
		goto refuse
	}
	chain none { goto refuse; }
	chain restricted {
		${onHost} goto host
		${noSiblings}
		ct original ip daddr { ${specialRanges4.join(', ')} } goto refuse
		ct original ip6 daddr { ${specialRanges6.join(', ')} } goto refuse
		goto stamp
	}
	chain open {
		${onHost} goto host
		${noSiblings}
		goto stamp
	}`;
}

function hookChains(bridgeName: string, { gateway, prefix }: Side): string {
  const fromBridge = `iifname "${bridgeName}"`;
  const notPassed = `meta mark & ${renderMark(marks.passed)} == 0`;
  return `	chain judge {
		type filter hook prerouting priority mangle; policy accept;
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
		ct direction reply ip daddr vmap @mode4
		ct direction reply ip6 daddr vmap @mode6
		counter drop
	}
	chain input {
		type filter hook input priority filter - 10; policy accept;
		${fromBridge} ${notPassed} counter drop
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
