import type { Clock } from '../base/clock.ts';
import { parseInterfaceAddress, renderAddress } from '../network/address.ts';
import type { Bridge } from '../network/policy.ts';
import type { Sensor, SensorInit } from './sensor.ts';
import { NetworkSensor, type NetworkSensorInit } from './sensors/network/network-sensor.ts';

/** What sensors look through. */
export interface SensorDoors extends Pick<NetworkSensorInit, 'unlogged' | 'nameOf'> {
  readonly clock: Clock;
  readonly bridge: Bridge;
}

/** Everything that looks at sandboxes. */
export function openSensors({ bridge, ...doors }: SensorDoors): (init: SensorInit) => readonly Sensor[] {
  const gateways = [bridge.ipv4, ...(bridge.ipv6 === undefined ? [] : [bridge.ipv6])].map((text) =>
    renderAddress(parseInterfaceAddress(text).address),
  );
  return (init) => [new NetworkSensor({ ...init, ...doors, gateways })];
}
