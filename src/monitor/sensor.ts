import type { HostProcess } from '../host/process/container-process.ts';
import type { Monitoring } from '../spec/monitoring.ts';
import type { SensorEvent, SensorName } from './event.ts';

/** A sandbox that is to be watched, with what tells its traces from others'. */
export interface WatchedContainer {
  /** The stamp's uid. */
  readonly uid: string;
  /** Of the sandbox. */
  readonly name: string;
  /** Of the Incus instance. */
  readonly instance: string;
  /** Its init on the host; undefined while it is starting or not running. */
  readonly init: HostProcess | undefined;
  /** Addresses that are its own. */
  readonly addresses: readonly string[];
  readonly monitoring: Monitoring;
}

/** What a sensor is doing: `active`; `fallback`: it sees less than it could; `off`: nobody asks for it; `failed`. */
export interface SensorStatus {
  readonly sensor: SensorName;
  readonly state: 'active' | 'fallback' | 'off' | 'failed';
  /** How it looks: `bpftrace`, `proc`, `journald`, `kmsg`, … */
  readonly source: string;
  /** Why it is not active. */
  readonly because?: string;
  /** Events since the start, and those of them that were dropped. */
  readonly seen: number;
  readonly dropped: number;
}

/** What every sensor works with. */
export interface SensorInit {
  /** Those that are watched now; cheap to ask. Running or not: look at `init`. */
  readonly watched: () => readonly WatchedContainer[];
  /** Takes an event. Never throws and does not wait. */
  readonly onEvent: (event: SensorEvent) => void;
  /** Told once for each thing that goes wrong. Never throws. */
  readonly onProblem: (error: unknown) => void;
}

/** Looks at sandboxes from the host. */
export interface Sensor {
  readonly name: SensorName;
  /** Look until the signal aborts. Never rejects: what fails is in the status and tried again. */
  run(signal: AbortSignal): Promise<void>;
  /** The set of watched sandboxes, or what is known of one, is another than before. */
  refresh(): void;
  status(): SensorStatus;
}
