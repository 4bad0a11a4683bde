import type { Instruments } from './instruments.ts';

/** One finished call to Incus, as the transport reports it. */
export interface IncusSample {
  readonly method: string;
  /** Template, never a path with names in it. */
  readonly route: string;
  /** Status of the reply, or the error's code when there was none; `aborted` when the caller gave up. */
  readonly code: number | string;
  readonly durationMs: number;
}

/** Calls to Incus. */
export function incusMetrics(instruments: Instruments) {
  const requests = instruments.counter('incus_requests_total');
  const failures = instruments.counter('incus_request_failures_total');
  const seconds = instruments.histogram('incus_request_duration_seconds');
  return {
    request({ method, route, code, durationMs }: IncusSample): void {
      requests({ code: String(code), method, route });
      seconds({ method, route }, durationMs / 1_000);
      if (typeof code === 'number' && code >= 500) failures({ kind: 'server' });
      if (typeof code === 'string' && code !== 'aborted') failures({ kind: 'silent' });
    },
  };
}
