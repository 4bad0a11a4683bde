import { parseInterfaceAddress, renderAddress, renderPrefix } from './address.ts';
import { marks, renderMark } from './marks.ts';
import type { Bridge } from './policy.ts';

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

/** Ahead of every policy that an IPsec daemon makes; lower numbers win. */
const block = { action: 'block', priority: 1 } as const;
const allow = { action: 'allow', priority: 0 } as const;

/**
 * The layer that holds while no ruleset is loaded: packets from the bridge's prefixes are dropped unless the policy
 * marked them. Link-local sources have no prefix of their own, so they are blocked by target: the bridge's own addresses.
 * (A selector's device is the outgoing one, so multicast on the bridge cannot be told from that on other links and stays
 * open meanwhile, as do one-way packets with a forged IPv6 source, which nobody can answer.) The host's talk with itself under the bridge's IPv6 address is let through: unlike that
 * of IPv4 it is not exempt from policies.
 *
 * @param linkLocal link-local address of the bridge; without it that target stays open while no ruleset is loaded
 */
export function blockPolicies(bridge: Bridge, linkLocal?: string): BlockPolicy[] {
  const mark = `0/${renderMark(marks.passed)}`;
  const everywhere = (source: string, destination: string): BlockPolicy[] => [
    { source, destination, direction: 'fwd', mark, ...block },
    { source, destination, direction: 'in', mark, ...block },
  ];
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
