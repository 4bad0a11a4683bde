import { monitoringOf } from '../spec/monitoring.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import type { Desired } from './world.ts';

/** Part of a network policy: most ordinary new flows per second that are logged; absent where the network is not watched. */
export interface WatchedFlows {
  readonly watched?: number;
}

/** What a sandbox says about that. */
export function watchedFlows(sandbox: Pick<Sandbox, 'monitoring'>): WatchedFlows {
  const { enabled, network } = monitoringOf(sandbox);
  return enabled && network.enabled ? { watched: network.flowsPerSecond } : {};
}

/** The same for an instance; as usual while nothing is known about its manifest. */
export function desiredWatch(desired: Desired): WatchedFlows {
  return watchedFlows(desired.kind === 'declared' ? desired.manifest.sandbox : {});
}

/** That part alone, of what may hold others. */
export function watchOf({ watched }: { readonly watched?: number | undefined }): WatchedFlows {
  return watched === undefined ? {} : { watched };
}
