import type { SensorEvent, SensorName } from './event.ts';
import type { Severity } from './severity.ts';

/** What may follow from a detection, from least to most. */
export const responses = ['log', 'alert', 'network', 'freeze', 'kill'] as const;
export type Response = (typeof responses)[number];

/** What was done, in the words of the detection log. */
export const outcomes = [
  'logged',
  'alerted',
  'isolated',
  'paused',
  'killed',
  'deduplicated',
  'logged (already paused)',
  'failed',
] as const;
export type Outcome = (typeof outcomes)[number];

/** The categories of the original's audit log, and one for what it did not know. */
export const categories = ['process', 'environment', 'network', 'filesystem', 'escape', 'monitor'] as const;
export type Category = (typeof categories)[number];

/** A rule that applies to an event. */
export interface Match {
  readonly rule: {
    readonly id: string;
    readonly title: string;
    readonly severity: Severity;
    readonly category: Category;
    /** MITRE ATT&CK technique, such as `T1059.004`. */
    readonly mitre: string;
    readonly maturity: Maturity;
    /** In place of what follows from the severity. */
    readonly response?: Response;
  };
  readonly event: SensorEvent;
  readonly sensor: SensorName;
  /**
   * What makes two matches of the same sandbox the same thing: rule and the stable part of what it saw, never amounts,
   * process numbers or times.
   */
  readonly cause: string;
  /** One line for people, made of the event; hostile text in it is not printable yet. */
  readonly description: string;
}

/** How much a rule is trusted: only `stable` ones act by more than log and alert. */
export const maturities = ['stable', 'incubating', 'experimental'] as const;
export type Maturity = (typeof maturities)[number];
