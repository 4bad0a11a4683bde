import { parseInterfaceAddress, renderAddress, renderPrefix } from './address.ts';
import { marks, renderMark } from './marks.ts';
import type { Bridge } from './policy.ts';

/** One policy of the kernel's IP transformation framework, of the blocking kind. See ip-xfrm(8). */
export interface BlockPolicy {
  readonly source: string;
  readonly destination: string;
  /** `fwd`: packets that pass through the host; `in`: packets for the host itself. */
  readonly direction: 'fwd' | 'in';
  /** Interface the selector is bound to. */
  readonly device?: string;
  /** Value and mask as ip prints them. */
  readonly mark: string;
  readonly priority: number;
}

/** Ahead of every policy that an IPsec daemon makes. */
const priority = 1;

/**
 * The layer that holds while no ruleset is loaded: packets from the bridge's prefixes are dropped unless the policy
 * marked them. Link-local sources have no prefix of their own, so they are blocked where the bridge is certain: on its
 * own device for link-local and multicast targets, and for the bridge's own address.
 */
export function blockPolicies(bridge: Bridge): BlockPolicy[] {
  const mark = `0/${renderMark(marks.passed)}`;
  const from4 = renderPrefix(parseInterfaceAddress(bridge.ipv4).prefix);
  const policies: BlockPolicy[] = [
    { source: from4, destination: '0.0.0.0/0', direction: 'fwd', mark, priority },
    { source: from4, destination: '0.0.0.0/0', direction: 'in', mark, priority },
  ];
  if (bridge.ipv6 === undefined) return policies;
  const { address, prefix } = parseInterfaceAddress(bridge.ipv6);
  const from6 = renderPrefix(prefix);
  const local = { source: 'fe80::/10', direction: 'in', mark, priority } as const;
  policies.push(
    { source: from6, destination: '::/0', direction: 'fwd', mark, priority },
    { source: from6, destination: '::/0', direction: 'in', mark, priority },
    { ...local, destination: 'fe80::/10', device: bridge.name },
    { ...local, destination: 'ff00::/8', device: bridge.name },
    { ...local, destination: `${renderAddress(address)}/128` },
  );
  return policies;
}
