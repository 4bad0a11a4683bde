import { ok, warning, type HealthCheck } from '../check.ts';

/** Whether the bridge that settings name is there and can carry sandboxes. */
export const bridgeCheck: HealthCheck = {
  name: 'network_bridge',
  group: 'CRITICAL',
  look: async (sight) => {
    await sight.requireIncus();
    const bridge = await sight.bridge();
    const { isUp } = await sight.incus.networks.state(bridge.name, { signal: sight.signal });
    const addresses = [bridge.ipv4, bridge.ipv6].filter((address) => address !== undefined).join(', ');
    // A bridge without ports has no carrier and still counts as up here.
    if (!isUp) return warning(`The bridge ${bridge.name} is switched off`, [`ip link set ${bridge.name} up`]);
    return ok(`${bridge.name} has ${addresses}`, { ...bridge });
  },
};
