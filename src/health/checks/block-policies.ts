import { observeBlockPolicies } from '../../host/xfrm/xfrm.ts';
import { ok, warning, type Finding, type HealthCheck } from '../check.ts';

/** Whether the second layer is in place. */
export const blockPoliciesCheck: HealthCheck = {
  name: 'block_policies',
  group: 'CRITICAL',
  look: async (sight) => {
    sight.requireRoot('the block policies');
    const bridge = await sight.requireBridge();
    if (bridge.shared) return onSharedBridge((await sight.controller())?.network);
    const { missing, stale } = await observeBlockPolicies({ bridge, signal: sight.signal });
    if (missing.length + stale.length === 0) return ok('The second layer is in place');
    return warning(
      `Of the second layer ${missing.length} policies are missing and ${stale.length} are left over: ` +
        'a flushed ruleset would not be caught',
      ['systemctl restart coi', '# without systemd: coi controller'],
    );
  },
};

/** There the policies follow the sandboxes, and who they are is for the controller to say. */
function onSharedBridge(network: string | undefined): Finding {
  if (network === 'ready') return ok('The controller has the second layer in place');
  return {
    status: 'unknown',
    message: 'on a shared bridge only the controller knows what belongs to the second layer',
  };
}
