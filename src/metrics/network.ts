import type { Instruments } from './instruments.ts';
import type { QueryResult, RulesLayer } from './labels.ts';

/** The two layers of network rules. */
export function networkMetrics(instruments: Instruments) {
  let readReady = () => false;
  let readDenied: () => Iterable<{ readonly name: string; readonly packets: number }> = () => [];
  const seconds = instruments.histogram('nft_apply_seconds');
  const failures = instruments.counter('nft_apply_failures_total');
  const queries = instruments.counter('dns_queries_total');
  const drift = {
    nft: instruments.counter('nft_drift_total'),
    xfrm: instruments.counter('xfrm_drift_total'),
  } satisfies Record<RulesLayer, unknown>;
  instruments.gauge('network_ready', () => [{ labels: {}, value: Number(readReady()) }]);
  instruments.followedCounter('sandbox_denied_packets_total', function* () {
    for (const { name, packets } of readDenied()) yield { labels: { name }, value: packets };
  });
  return {
    /** Ask at every scrape how many packets of each sandbox were refused. Those it no longer names have no series. */
    followDenied(read: () => Iterable<{ readonly name: string; readonly packets: number }>): void {
      readDenied = read;
    },
    /** An nft transaction ended. */
    applied({ ok, seconds: took }: { readonly ok: boolean; readonly seconds: number }): void {
      seconds({}, took);
      if (!ok) failures({});
    },
    /** A sandbox asked for a name. */
    asked: (result: QueryResult) => queries({ result }),
    /** A layer was found changed by somebody else. */
    drifted: (layer: RulesLayer) => drift[layer]({}),
    /** Ask at every scrape whether tables, chains and block policies are in place. */
    followReady(read: () => boolean): void {
      readReady = read;
    },
  };
}
