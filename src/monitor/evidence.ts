import type { Connection } from '../host/process/connections.ts';
import type { ProcessSummary, SensorEvent } from './event.ts';

/** What a sandbox was doing when it was frozen. All of it is bounded, and of any content. */
export interface Evidence {
  /** Milliseconds since 1970. */
  readonly takenAt: number;
  readonly processes: readonly ProcessSummary[];
  readonly connections: readonly Connection[];
  /** The last ones before it was frozen, oldest first. */
  readonly events: readonly SensorEvent[];
  /** What could not be looked at, one sentence each. */
  readonly missing: readonly string[];
}
