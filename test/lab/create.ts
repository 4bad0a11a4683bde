import { bridge } from './preseed.ts';
import type { Lab } from './lab.ts';

/** Where container number `number` of a lab is found, known before it starts. */
export interface Seat {
  readonly hwaddr: string;
  /** Name of the host's end of its veth pair. */
  readonly hostName: string;
  readonly ipv4: string;
  /** By SLAAC: prefix and EUI-64 of the MAC address (RFC 4291, appendix A). */
  readonly ipv6: string;
}

/** The seat with a number from 2 to 65533. */
export function seat(number: number): Seat {
  const bytes = [number >> 8, number & 255];
  const [high = '', low = ''] = bytes.map((byte) => byte.toString(16).padStart(2, '0'));
  return {
    hwaddr: `10:66:6a:c0:${high}:${low}`,
    hostName: `coi${number}`,
    ipv4: `10.90.${bytes.join('.')}`,
    ipv6: bridge.ipv6.gateway.replace('::1', `::1266:6aff:fec0:${Number.parseInt(high + low, 16).toString(16)}`),
  };
}

/** What to create with {@link createContainer}. */
export interface ContainerInit {
  readonly name: string;
  /** Its number, which decides its addresses; no NIC without one. */
  readonly number?: number;
  readonly image?: string;
  readonly start?: boolean;
  readonly config?: Readonly<Record<string, string>>;
  readonly devices?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Creates a container by one raw request, past the product, and starts it unless told otherwise. */
export async function createContainer(lab: Lab, init: ContainerInit): Promise<void> {
  const { name, number, image = 'busybox', start = true, config = {}, devices = {} } = init;
  const body = {
    name,
    start,
    type: 'container',
    source: { type: 'image', alias: image },
    config,
    devices: { ...(number === undefined ? {} : { eth0: nic(seat(number)) }), ...devices },
  };
  await lab.incus('query', '--wait', '--request', 'POST', '--data', JSON.stringify(body), '/1.0/instances');
}

function nic({ hwaddr, hostName, ipv4 }: Seat): Record<string, string> {
  return {
    type: 'nic',
    name: 'eth0',
    network: bridge.name,
    hwaddr,
    host_name: hostName,
    'ipv4.address': ipv4,
    'security.port_isolation': 'true',
  };
}
