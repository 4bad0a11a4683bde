import { readManagedLinks } from '../../host/neighbours/network-manager.ts';
import { isPortName } from '../../network/endpoint.ts';
import { ok, warning, type HealthCheck } from '../check.ts';

const file = '/etc/NetworkManager/conf.d/coi.conf';

/** NetworkManager asks for addresses on links that it takes on, and takes the bridge's own away. */
export const networkManagerCheck: HealthCheck = {
  name: 'network_manager',
  group: 'NEIGHBOURS',
  look: async (sight) => {
    const links = await readManagedLinks(sight);
    if (links === undefined) return ok('NetworkManager does not run');
    const ours = links.filter(({ name }) => name === sight.bridgeName || isPortName(name));
    if (ours.length === 0) return ok('NetworkManager leaves the links of coi alone');
    const names = ours.map(({ name, state }) => `${name} (${state})`).join(', ');
    return warning(`NetworkManager manages links of coi: ${names}`, [
      `printf '[keyfile]\\nunmanaged-devices+=interface-name:${sight.bridgeName};interface-name:coi*\\n' >${file}`,
      'nmcli general reload',
    ]);
  },
};
