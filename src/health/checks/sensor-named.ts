import type { SensorReport } from '../../controller/monitor-api.ts';
import type { SensorName } from '../../monitor/event.ts';
import type { Sight } from '../sight.ts';

/** What the controller says about a sensor; undefined where none answers this user, or it has no such sensor. */
export async function sensorNamed(sight: Sight, name: SensorName): Promise<SensorReport | undefined> {
  const { sensors = [] } = (await sight.controller()) ?? {};
  return sensors.find(({ sensor }) => sensor === name);
}
