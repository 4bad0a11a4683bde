import type { Clock } from '../base/clock.ts';
import { parseInterfaceAddress, renderAddress } from '../network/address.ts';
import type { Bridge } from '../network/policy.ts';
import type { Sensor, SensorInit } from './sensor.ts';
import { NamesSensor, type NamesSensorInit } from './sensors/names/names-sensor.ts';
import { NetworkSensor, type NetworkSensorInit } from './sensors/network/network-sensor.ts';
import { ProcessSensor } from './sensors/process/process-sensor.ts';
import { TmpSensor } from './sensors/tmp/tmp-sensor.ts';
import { VolumeSensor } from './sensors/volume/volume-sensor.ts';

/** What sensors look through. */
export interface SensorDoors extends Pick<NetworkSensorInit, 'unlogged' | 'nameOf'>, Pick<NamesSensorInit, 'listen'> {
  readonly clock: Clock;
  readonly bridge: Bridge;
}

/** Everything that looks at sandboxes. */
export function openSensors({ bridge, ...doors }: SensorDoors): (init: SensorInit) => readonly Sensor[] {
  const gateways = [bridge.ipv4, ...(bridge.ipv6 === undefined ? [] : [bridge.ipv6])].map((text) =>
    renderAddress(parseInterfaceAddress(text).address),
  );
  return (init) => [
    new ProcessSensor({ ...init, ...doors }),
    new NetworkSensor({ ...init, ...doors, gateways }),
    new NamesSensor({ ...init, ...doors }),
    new VolumeSensor({ ...init, ...doors }),
    new TmpSensor({ ...init, ...doors }),
  ];
}
