import { failed, ok, type Finding, type HealthCheck } from '../check.ts';
import { placeText } from '../trial.ts';

/** Whether a sandbox can speak under another's address. */
export const spoofingCheck: HealthCheck = {
  name: 'spoofing',
  group: 'NETWORKING',
  isTried: true,
  look: async (sight): Promise<Finding> => {
    const { targets, forgery } = await sight.trial();
    switch (forgery) {
      case 'refused':
        return ok('A sandbox cannot speak under an address that is not its own', { tried: targets.forged });
      case 'passed':
        return failed(
          `A sandbox reaches ${placeText(targets.reach)} under the address ${targets.forged}, not its own`,
          ['systemctl restart coi'],
        );
      case 'untried':
        return {
          status: 'unknown',
          message: 'It could not be tried: what a sandbox reaches by IPv4 is needed for that',
        };
    }
  },
};
