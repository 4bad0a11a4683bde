import { ensureBlocked } from '../host/xfrm/xfrm.ts';
import type { NetworkPolicy } from '../network/policy.ts';
import { renderRuleset } from '../network/ruleset.ts';
import type { Hands } from './hands.ts';

/**
 * Load the rules of one policy; those it had before go in the same transaction. On a shared bridge its addresses are blocked
 * first, for whenever the rules should be gone.
 *
 * @throws {Problem} when the policy cannot be enforced or nft refuses
 */
export async function loadPolicy({ firewall, bridge }: Hands, policy: NetworkPolicy): Promise<void> {
  await ensureBlocked(policy.endpoint, { bridge });
  await firewall.ensure(renderRuleset({ bridge, policies: [policy] }));
}
