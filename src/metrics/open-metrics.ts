import { auditMetrics } from './audit.ts';
import { driftMetrics } from './drift.ts';
import { imageMetrics } from './images.ts';
import { incusMetrics } from './incus.ts';
import { Instruments } from './instruments.ts';
import { monitoringMetrics } from './monitoring.ts';
import { networkMetrics } from './network.ts';
import { observingMetrics } from './observing.ts';
import { processMetrics } from './process.ts';
import { pruneMetrics } from './prune.ts';
import { queueMetrics } from './queue.ts';
import { reconcileMetrics } from './reconciles.ts';
import { sandboxMetrics } from './sandboxes.ts';
import { sourceMetrics } from './sources.ts';

/**
 * All metrics of one controller, in a registry of their own, so that two controllers in one process never mix.
 *
 * Events are counted by methods; what has its truth elsewhere (depth of the queue, phases, ages) is handed in once as a
 * `follow…` callback that every scrape calls. Such callbacks must be quick and must not throw.
 *
 * @param version of coi, for `coi_build_info`
 */
export function openMetrics({ version }: { readonly version: string }) {
  const instruments = new Instruments();
  processMetrics(instruments, version);
  const { registry } = instruments;
  return {
    ...reconcileMetrics(instruments),
    queue: queueMetrics(instruments),
    sandboxes: sandboxMetrics(instruments),
    drift: driftMetrics(instruments),
    prune: pruneMetrics(instruments),
    sources: sourceMetrics(instruments),
    incus: incusMetrics(instruments),
    observing: observingMetrics(instruments),
    network: networkMetrics(instruments),
    images: imageMetrics(instruments),
    monitoring: monitoringMetrics(instruments),
    audit: auditMetrics(instruments),
    /** Media type of {@link render}. */
    contentType: registry.contentType,
    /** Everything in the text format of Prometheus. @see "Exposition formats" in its documentation */
    render: () => registry.metrics(),
  };
}

export type Metrics = ReturnType<typeof openMetrics>;
