import { parseAddress, parseInterfaceAddress, renderAddress, renderPrefix } from './address.ts';

/** What of a network the route to it depends on, as `GET /1.0/networks` has it. */
export interface RoutedNetwork {
  readonly name: string;
  readonly type: string;
  readonly config: Readonly<Record<string, string>>;
}

/** A route of the host to a network behind a router. */
export interface HostRoute {
  readonly family: 4 | 6;
  readonly destination: string;
  readonly via: string;
  readonly dev: string;
}

/**
 * Routes that lead the host to an OVN network: its subnets lie behind the network's router, whose address on the uplink Incus
 * keeps as `volatile.network.ipv4.address` and `….ipv6.address`. None when the network is of another type, has no such
 * address (yet), or its uplink is no bridge of this host.
 *
 * Unproven: written from the documentation, for want of a kernel with Open vSwitch to try it on.
 * @see Incus documentation, "OVN network", configuration options
 */
export function ovnRoutes(networks: readonly RoutedNetwork[], name: string): HostRoute[] {
  const network = networks.find((each) => each.name === name);
  const uplink = networks.find((each) => each.name === network?.config['network']);
  if (network?.type !== 'ovn' || uplink?.type !== 'bridge') return [];
  return ([4, 6] as const).flatMap((family) => {
    const router = parseAddress(network.config[`volatile.network.ipv${family}.address`] ?? '');
    const own = network.config[`ipv${family}.address`] ?? 'none';
    if (router?.family !== family || own === 'none') return [];
    const destination = renderPrefix(parseInterfaceAddress(own).prefix);
    return [{ family, destination, via: renderAddress(router), dev: uplink.name }];
  });
}

/** The command that makes a route, as argument vector. See ip-route(8). */
export function routeCommand({ family, destination, via, dev }: HostRoute): [string, ...string[]] {
  return ['ip', `-${family}`, 'route', 'add', destination, 'via', via, 'dev', dev];
}
