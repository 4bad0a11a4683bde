import type { Match, Outcome } from './detection.ts';
import type { Evidence } from './evidence.ts';

/** One line of the detection log. */
export interface DetectionEntry {
  /** Of this detection, a UUID. */
  readonly id: string;
  /** The stamp's uid. */
  readonly uid: string;
  /** Name of the sandbox. */
  readonly sandbox: string;
  /** Of the Incus instance. */
  readonly instance: string;
  /** When it was written, milliseconds since 1970; when it happened is in the event. */
  readonly at: number;
  readonly match: Match;
  readonly outcome: Outcome;
  /** What the sandbox was doing when it was frozen. */
  readonly evidence?: Evidence;
  /** With `deduplicated`: how often it was seen again within the window. */
  readonly count?: number;
  /** With `failed`: why. */
  readonly because?: string;
}

/** Where detections go. */
export interface DetectionSink {
  /** Never throws and does not wait: what cannot be written is counted by the log. */
  append(entry: DetectionEntry): void;
  /** Resolves once it is on the disk. Rejects when it cannot be: the response goes on all the same. */
  appendDurable(entry: DetectionEntry): Promise<void>;
}
