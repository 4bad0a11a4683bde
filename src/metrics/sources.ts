import type { Instruments } from './instruments.ts';
import { sourceErrors, type SourceError } from './labels.ts';

/** One source as metrics see it. */
export interface SourceState {
  readonly id: string;
  /** Whether its newest read was complete. */
  readonly complete: boolean;
  /** When it was last read completely, milliseconds since 1970; undefined when it never was. */
  readonly lastSuccessMs: number | undefined;
  /** Sandboxes that it declares. */
  readonly manifests: number;
}

/** Where desired state comes from. */
export function sourceMetrics(instruments: Instruments) {
  let read: () => Iterable<SourceState> = () => [];
  const errors = new Map<string, Record<SourceError, number>>();
  const each = (valueOf: (state: SourceState) => number) => () =>
    [...read()].map((state) => ({ labels: { source: state.id }, value: valueOf(state) }));
  const lastSuccess = each(({ lastSuccessMs }) => (lastSuccessMs ?? 0) / 1_000);
  instruments.gauge('source_last_success_timestamp_seconds', lastSuccess);
  instruments.gauge(
    'source_complete',
    each(({ complete }) => Number(complete)),
  );
  instruments.gauge(
    'source_manifests',
    each(({ manifests }) => manifests),
  );
  // Every source that is followed has its series from the first scrape on, before anything went wrong.
  instruments.followedCounter('source_errors_total', () =>
    [...new Set([...[...read()].map(({ id }) => id), ...errors.keys()])].flatMap((source) =>
      sourceErrors.map((reason) => ({ labels: { source, reason }, value: errors.get(source)?.[reason] ?? 0 })),
    ),
  );
  return {
    /** Read the sources from here at every scrape. */
    follow(readStates: () => Iterable<SourceState>): void {
      read = readStates;
    },
    /** A read of a source was not complete. */
    failed(source: string, reason: SourceError): void {
      const counts = errors.get(source) ?? { partial: 0, failed: 0 };
      errors.set(source, { ...counts, [reason]: counts[reason] + 1 });
    },
  };
}
