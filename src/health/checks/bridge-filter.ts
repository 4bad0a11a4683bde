import { readOptional } from '../../host/neighbours/files.ts';
import { ok, type HealthCheck } from '../check.ts';

const directory = '/proc/sys/net/bridge';

/** Whether frames between ports of a bridge are shown to the IP firewalls of this host, which is nobody's fault. */
export const bridgeFilterCheck: HealthCheck = {
  name: 'br_netfilter',
  group: 'NETWORKING',
  look: async () => {
    const names = ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables'];
    const values = await Promise.all(names.map(async (name) => (await readOptional(`${directory}/${name}`))?.trim()));
    if (values.every((value) => value === undefined)) {
      return ok('br_netfilter is not loaded: other firewalls see nothing of what stays on the bridge');
    }
    const isOn = values.includes('1');
    return ok(
      isOn
        ? 'br_netfilter is on: other firewalls also see what stays on the bridge; coi drops that itself, on or off'
        : 'br_netfilter is loaded and off: other firewalls see nothing of what stays on the bridge',
      Object.fromEntries(names.map((name, index) => [name, values[index]])),
    );
  },
};
