import { ensureBlocked } from '../host/xfrm/xfrm.ts';
import type { NetworkPolicy } from '../network/policy.ts';
import { renderRuleset } from '../network/ruleset.ts';
import type { Hands } from './hands.ts';

/**
 * Load the rules of one policy; those it had before go in the same transaction, and addresses that its names no longer
 * lead to before it. On a shared bridge its own addresses are blocked first, for whenever the rules should be gone.
 *
 * @throws {Problem} when the policy cannot be enforced or nft refuses
 */
export async function loadPolicy({ firewall, names, bridge }: Hands, policy: NetworkPolicy): Promise<void> {
  await ensureBlocked(policy.endpoint, { bridge });
  await names.followOne(policy);
  await firewall.ensure(renderRuleset({ bridge, policies: [policy] }));
}
