import { BridgeAcl } from '../../host/incus-acl/acl.ts';
import { type Firewalld, readFirewalld } from '../../host/neighbours/firewalld.ts';
import { listTables } from '../../host/nft/nft.ts';
import { failed, ok, type Finding, type HealthCheck } from '../check.ts';
import type { Sight } from '../sight.ts';

const orNft = '# Or use nft, which needs nothing else: [controller] firewall = "nft" in /etc/coi/config.toml';

/** Whether the backend that settings choose can be used here. Whether its rules are in place is another check's to tell. */
export const firewallCheck: HealthCheck = {
  name: 'firewall',
  group: 'CRITICAL',
  look: async (sight) => {
    const kind = sight.host.controller.firewall;
    if (kind === 'nft') return askNft(sight);
    const bridge = await sight.requireBridge();
    if (bridge.shared) {
      return failed(`The bridge ${bridge.name} is shared with others, whom ${kind} would judge, too`, [
        orNft,
        '# Or give sandboxes a bridge of their own: deploy/quickstart',
      ]);
    }
    if (kind === 'firewalld') return judgeFirewalld((await readFirewalld(bridge.name, sight)).state);
    await new BridgeAcl({ incus: sight.incus, bridge, signal: sight.signal }).requireUsable();
    return ok('The firewall is incus-acl: Incus can enforce network ACLs on the bridge');
  },
};

async function askNft(sight: Sight): Promise<Finding> {
  if ((await sight.controller())?.network === 'ready') return ok('The firewall is nft, and answers the controller');
  sight.requireRoot('whether nft answers');
  await listTables(sight);
  return ok('The firewall is nft, and answers');
}

export function judgeFirewalld(state: Firewalld['state']): Finding {
  if (state === 'running') return ok('The firewall is firewalld, and runs');
  const install = state === 'absent' ? ['apt-get install firewalld'] : [];
  return failed(`The firewall is to be firewalld, which ${state === 'absent' ? 'is not installed' : 'does not run'}`, [
    ...install,
    'systemctl enable --now firewalld',
    orNft,
  ]);
}
