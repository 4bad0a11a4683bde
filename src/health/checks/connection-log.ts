import { ok, warning, type HealthCheck } from '../check.ts';
import { sensorNamed } from './sensor-named.ts';

/** Where connections of sandboxes are read. Called as in the original, which needs the journal for it. */
export const connectionLogCheck: HealthCheck = {
  name: 'systemd_journal',
  group: 'MONITORING',
  look: async (sight) => {
    const sensor = await sensorNamed(sight, 'network');
    if (sensor?.state === 'failed') {
      const { because = 'nobody knows why', source, seen, dropped } = sensor;
      const details = { source, seen, dropped };
      return warning(`New connections of sandboxes are not seen: ${because}`, ['journalctl -u coi'], details);
    }
    if (sensor !== undefined && sensor.state !== 'off') return ok(`New connections are read from ${sensor.source}`);
    const hasJournal = await sight.machine.hasJournal();
    return ok(`New connections are read from ${hasJournal ? 'journald' : '/dev/kmsg: the journal is not needed'}`);
  },
};
