import { readFirewalld } from '../../host/neighbours/firewalld.ts';
import { failed, ok, warning, type HealthCheck } from '../check.ts';

/** firewalld lets nothing of a bridge through that is in none of its trusting zones, DHCP and DNS included. */
export const firewalldCheck: HealthCheck = {
  name: 'firewalld',
  group: 'NEIGHBOURS',
  look: async (sight) => {
    const { bridgeName } = sight;
    const { state, zone, isTrusting, isPermanent } = await readFirewalld(bridgeName, sight);
    if (state !== 'running') return ok(`firewalld is ${state === 'absent' ? 'not installed' : 'not running'}`);
    const bind = `--zone=trusted --change-interface=${bridgeName}`;
    const always = `firewall-cmd --permanent ${bind}`;
    if (!isTrusting) {
      return failed(
        `firewalld has ${bridgeName} in the zone "${zone}": sandboxes get no address, no names and no answers`,
        [always, `firewall-cmd ${bind}`],
      );
    }
    if (isPermanent) return ok(`firewalld trusts ${bridgeName}; what sandboxes may reach is up to coi`);
    return warning(`firewalld trusts ${bridgeName} only until it is restarted`, [always]);
  },
};
