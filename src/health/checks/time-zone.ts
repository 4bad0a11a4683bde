import { builtIn } from '../../spec/defaults.ts';
import { ok, warning, type HealthCheck } from '../check.ts';

/** Whether the host's time zone is one; schedules have their own. */
export const timeZoneCheck: HealthCheck = {
  name: 'timezone',
  group: 'SYSTEM',
  look: async ({ machine: { timeZone } }) => {
    const schedules = `schedules that name none are read in ${builtIn.timezone}`;
    if (timeZone !== undefined) return ok(`The time zone is ${timeZone}; ${schedules}`);
    return warning(`The time zone of this host is none that is known; ${schedules}`, [
      `timedatectl set-timezone ${builtIn.timezone}`,
      '# And unset TZ if it is set.',
    ]);
  },
};
