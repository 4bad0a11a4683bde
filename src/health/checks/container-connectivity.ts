import { failed, ok, warning, type HealthCheck } from '../check.ts';
import { placeText } from '../trial.ts';

/** Whether a restricted sandbox looks names up and gets out. */
export const containerConnectivityCheck: HealthCheck = {
  name: 'container_connectivity',
  group: 'NETWORKING',
  isTried: true,
  look: async (sight) => {
    const { targets, resolved, reached, hostReaches } = await sight.trial();
    const place = placeText(targets.reach);
    if (reached) return ok(`A restricted sandbox reaches ${place}`);
    if (!hostReaches) {
      return warning(`This host does not reach ${place} itself, so it cannot be tried from a sandbox`, [
        '# Give this host a way there, or name another place in /etc/coi/config.toml: health.reach',
      ]);
    }
    return failed(
      resolved
        ? `A restricted sandbox does not reach ${place}, which this host does`
        : `A restricted sandbox cannot look up ${targets.reach.host}`,
      ['# See the other checks below NETWORKING and NEIGHBOURS for what is in the way.'],
    );
  },
};
