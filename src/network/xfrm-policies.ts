import { parseInterfaceAddress, renderAddress, renderPrefix } from './address.ts';
import { marks, renderMark } from './marks.ts';
import { linkLocalAddress } from './endpoint.ts';
import type { Bridge, Endpoint } from './policy.ts';

/** One policy of the kernel's IP transformation framework, without transformations. See ip-xfrm(8). */
export interface BlockPolicy {
  readonly action: 'block' | 'allow';
  readonly source: string;
  readonly destination: string;
  /** `fwd`: packets that pass through the host; `in`: packets for the host itself. */
  readonly direction: 'fwd' | 'in';
  /** Value and mask as ip prints them. */
  readonly mark: string;
  readonly priority: number;
}

/** Mark of every policy of ours, as ip prints it. */
export const ourMark = `0/${renderMark(marks.passed)}`;

/** Ahead of every policy that an IPsec daemon makes; lower numbers win. */
const block = { action: 'block', priority: 1 } as const;
const allow = { action: 'allow', priority: 0 } as const;

/** What the policies depend on besides the bridge. */
export interface Guarded {
  /** Link-local address of the bridge; without it that target stays open while no ruleset is loaded. */
  readonly linkLocal?: string | undefined;
  /** Where sandboxes sit; only asked for on a shared bridge. */
  readonly endpoints?: Iterable<Endpoint> | undefined;
}

const mark = ourMark;

/**
 * The layer that holds while no ruleset is loaded: packets of sandboxes are dropped unless the policy marked them. On a
 * bridge of coi's own they are known by its prefixes, on a shared one by their own addresses, so that others never suffer.
 */
export function blockPolicies(bridge: Bridge, { linkLocal, endpoints = [] }: Guarded = {}): BlockPolicy[] {
  return bridge.shared ? [...endpoints].flatMap(ofEndpoint) : ofBridge(bridge, linkLocal);
}

/**
 * Link-local sources have no prefix of their own, so they are blocked by target: the bridge's own addresses.
 * (A selector's device is the outgoing one, so multicast on the bridge cannot be told from that on other links and stays
 * open meanwhile, as do one-way packets with a forged IPv6 source, which nobody can answer.) The host's talk with itself under the bridge's IPv6 address is let through: unlike that
 * of IPv4 it is not exempt from policies.
 */
function ofBridge(bridge: Bridge, linkLocal: string | undefined): BlockPolicy[] {
  const policies = everywhere(renderPrefix(parseInterfaceAddress(bridge.ipv4).prefix), '0.0.0.0/0');
  if (bridge.ipv6 === undefined) return policies;
  const { address, prefix } = parseInterfaceAddress(bridge.ipv6);
  const self = `${renderAddress(address)}/128`;
  const fromLink = { source: 'fe80::/10', direction: 'in', mark, ...block } as const;
  policies.push(
    ...everywhere(renderPrefix(prefix), '::/0'),
    { ...fromLink, destination: self },
    { source: self, destination: self, direction: 'in', mark, ...allow },
  );
  if (linkLocal !== undefined) policies.push({ ...fromLink, destination: `${linkLocal}/128` });
  return policies;
}

/** Its link-local address is nobody else's, so it is blocked by source. */
function ofEndpoint({ ipv4, ipv6, mac }: Endpoint): BlockPolicy[] {
  const policies = everywhere(`${ipv4}/32`, '0.0.0.0/0');
  if (ipv6 === undefined) return policies;
  const source = `${linkLocalAddress(mac)}/128`;
  return [
    ...policies,
    ...everywhere(`${ipv6}/128`, '::/0'),
    { source, destination: '::/0', direction: 'in', mark, ...block },
  ];
}

function everywhere(source: string, destination: string): BlockPolicy[] {
  return [
    { source, destination, direction: 'fwd', mark, ...block },
    { source, destination, direction: 'in', mark, ...block },
  ];
}
