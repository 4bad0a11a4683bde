import type { Incus } from '../host/incus/client.ts';
import { ensureRoute } from '../host/link/host-route.ts';
import type { LinkCall } from '../host/link/links.ts';
import type { Log } from '../log/open-log.ts';
import { ovnRoutes } from '../network/ovn-route.ts';

/** What {@link healRoutes} needs. */
export interface RouteHealing extends LinkCall {
  readonly incus: Pick<Incus, 'networks'>;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/**
 * Puts back the host's routes to the network that sandboxes are to be on, where that is one of OVN: they are nobody's but
 * the kernel's and gone after a reboot. A route that cannot be made is told with its command, and nothing else waits for it.
 */
export async function healRoutes(network: string, { incus, log, ...call }: RouteHealing): Promise<void> {
  const networks = await incus.networks.list(call.signal ? { signal: call.signal } : {});
  for (const route of ovnRoutes(networks, network)) {
    const outcome = await ensureRoute(route, call);
    if (outcome.kind === 'added') log.info({ route }, 'Put back the route to the network of the sandboxes');
    if (outcome.kind !== 'failed') continue;
    const { command, detail } = outcome;
    log.warn({ command, detail }, `The host has no route to the network of the sandboxes. Make it: ${command}`);
  }
}
