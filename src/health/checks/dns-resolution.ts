import { agentHosts } from '../../spec/agent-hosts.ts';
import { ok, warning, type HealthCheck } from '../check.ts';
import { orWarning } from '../unseen.ts';

/** Whether this host finds the place that its agent cannot do without. */
export const dnsResolutionCheck: HealthCheck = {
  name: 'dns_resolution',
  group: 'OPTIONAL',
  isExtra: true,
  look: (sight) =>
    orWarning(async () => {
      const [name] = agentHosts[sight.tool];
      const addresses = await sight.machine.addresses(name, sight.signal);
      if (addresses.length > 0) return ok(`${name} is ${addresses.join(', ')}`);
      return warning(`This host finds no address of ${name}`, [`getent ahosts ${name}`, 'cat /etc/resolv.conf']);
    }),
};
