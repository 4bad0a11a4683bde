import { listLinks } from '../../host/link/links.ts';
import { listTables } from '../../host/nft/nft.ts';
import { isPortName } from '../../network/endpoint.ts';
import { failed, ok, warning, type HealthCheck } from '../check.ts';

const start = ['systemctl start coi', '# without systemd: coi controller'];

/** Whether both tables are loaded: the controller knows, and root can look. */
export const rulesCheck: HealthCheck = {
  name: 'network_rules',
  group: 'CRITICAL',
  look: async (sight) => {
    const host = await sight.controller();
    if (host?.network === 'ready') return ok('The controller has all rules in place');
    if (host) {
      return failed('The controller cannot bring the rules in line; nothing is started meanwhile', [
        'journalctl -u coi -n 50',
      ]);
    }
    sight.requireRoot('the rules while no controller answers');
    const { tables } = await listTables(sight);
    const missing = ['inet', 'bridge'].filter((family) => !tables.has(family));
    if (missing.length === 0) return ok('Rules are loaded; no controller runs');
    const what = missing.map((family) => `table ${family} coi`).join(' and ');
    const ports = (await listLinks(sight)).filter(({ name }) => isPortName(name)).length;
    if (ports > 0) return failed(`There is no ${what}, no controller runs, and ${ports} sandboxes do`, start);
    return warning(`There is no ${what} and no controller runs; nothing is started meanwhile`, start);
  },
};
