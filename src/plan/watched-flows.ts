import { monitoringOf } from '../spec/monitoring.ts';
import type { Sandbox } from '../spec/sandbox.ts';

/** Part of a network policy: most ordinary new flows per second that are logged; absent where the network is not watched. */
export interface WatchedFlows {
  readonly watched?: number;
}

/** What a sandbox says about that. */
export function watchedFlows(sandbox: Pick<Sandbox, 'monitoring'>): WatchedFlows {
  const { enabled, network } = monitoringOf(sandbox);
  return enabled && network.enabled ? { watched: network.flowsPerSecond } : {};
}

/** That part alone, of what may hold others. */
export function watchOf({ watched }: { readonly watched?: number | undefined }): WatchedFlows {
  return watched === undefined ? {} : { watched };
}
