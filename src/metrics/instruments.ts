import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { catalog, metricPrefix, type Definition } from './catalog.ts';

type Catalog = typeof catalog;
type NameOf<T extends Definition['type']> = {
  [N in keyof Catalog]: Catalog[N]['type'] extends T ? N : never;
}[keyof Catalog];
type ValuesOf<S> = S extends readonly (infer V extends string)[] ? V : string;

/** Labels of a metric with the values they may have. */
export type LabelsOf<N extends keyof Catalog> = {
  readonly [L in keyof Catalog[N]['labels']]: ValuesOf<Catalog[N]['labels'][L]>;
};

/** One value of a metric that is read when somebody asks. */
export interface Reading<N extends keyof Catalog> {
  readonly labels: LabelsOf<N>;
  readonly value: number;
}

/** Makes the metrics of the catalog, each at most once, in a registry of its own. Series of closed sets begin with 0. */
export class Instruments {
  readonly registry = new Registry();

  /** Something that only grows, counted here. */
  counter<N extends NameOf<'counter'>>(name: N): (labels: LabelsOf<N>, by?: number) => void {
    const counter = new Counter(this.#options(name));
    for (const labels of presets(catalog[name])) counter.inc(labels, 0);
    return (labels, by = 1) => counter.inc(labels, by);
  }

  /** A distribution of seconds. */
  histogram<N extends NameOf<'histogram'>>(name: N): (labels: LabelsOf<N>, seconds: number) => void {
    const definition: Definition = catalog[name];
    const histogram = new Histogram({ ...this.#options(name), buckets: [...(definition.buckets ?? [])] });
    for (const labels of presets(definition)) histogram.zero(labels);
    // A clock that is set back must not make a negative length.
    return (labels, seconds) => histogram.observe(labels, Math.max(0, seconds));
  }

  /** A value whose truth lies elsewhere: `read` is called at every scrape, and series it no longer names are gone. */
  gauge<N extends NameOf<'gauge'>>(name: N, read: () => Iterable<Reading<N>>): void {
    const collect = (): void => {
      gauge.reset();
      for (const labels of presets(catalog[name])) gauge.set(labels, 0);
      for (const { labels, value } of read()) gauge.set(labels, value);
    };
    const gauge = new Gauge({ ...this.#options(name), collect });
  }

  /** A counter that is kept elsewhere: `read` is called at every scrape. Several readings of one series add up. */
  followedCounter<N extends NameOf<'counter'>>(name: N, read: () => Iterable<Reading<N>>): void {
    const collect = (): void => {
      counter.reset();
      for (const labels of presets(catalog[name])) counter.inc(labels, 0);
      for (const { labels, value } of read()) counter.inc(labels, value);
    };
    const counter = new Counter({ ...this.#options(name), collect });
  }

  #options(name: keyof Catalog) {
    const { help, labels }: Definition = catalog[name];
    return { name: metricPrefix + name, help, labelNames: Object.keys(labels), registers: [this.registry] };
  }
}

/** All combinations of a metric's labels; none when one of them is open. */
function presets({ labels }: Definition): Record<string, string>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if (values === 'open') return [];
    combinations = combinations.flatMap((each) => values.map((value) => ({ ...each, [label]: value })));
  }
  return combinations;
}
