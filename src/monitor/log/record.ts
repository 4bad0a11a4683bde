import type { Link } from '../../audit/chain.ts';
import type { Category, Outcome } from '../detection.ts';
import type { DetectionEntry } from '../detection-sink.ts';
import type { SensorName } from '../event.ts';
import type { Severity } from '../severity.ts';
import { evidenceOf, isoTime, snapshotOf, type Thresholds } from './evidence-of.ts';
import { redact } from './redact.ts';

/**
 * What a line of the detection log says. All texts are without secrets, printable and of bounded length. Field names are
 * part of what users rely on: they search for `"level":"critical"`.
 */
export interface DetectionFields {
  readonly id: string;
  /** When it happened, ISO 8601 in UTC. */
  readonly timestamp: string;
  readonly level: Severity;
  readonly category: Category;
  readonly title: string;
  readonly description: string;
  readonly rule: string;
  /** Technique of MITRE ATT&CK; empty where it is about the log itself. */
  readonly mitre: string;
  readonly sensor?: SensorName;
  readonly sandbox: string;
  /** The stamp's. */
  readonly uid: string;
  readonly container_name: string;
  /** What was done. */
  readonly action: Outcome;
  /** Why it could not be done. */
  readonly because?: string;
  /** How many it stands for, where that is not one. */
  readonly count?: number;
  /** What the sensor saw. */
  readonly evidence: object;
  /** What the sandbox was doing when it was frozen. */
  readonly snapshot?: object;
}

/** A line of the detection log. */
export type DetectionRecord = DetectionFields & Link;

/** Rule of the lines that a log writes about itself. */
export const ownRule = 'detection-log';

/** Whose log it is. */
export interface LogOwner {
  readonly uid: string;
  readonly sandbox: string;
  readonly instance: string;
}

/** What is written of a detection. */
export function fieldsOf(entry: DetectionEntry, thresholds?: Thresholds): DetectionFields {
  const { match, evidence, count, because } = entry;
  const { rule, event, sensor } = match;
  return {
    id: redact(entry.id),
    timestamp: isoTime(event.at),
    level: rule.severity,
    category: rule.category,
    title: redact(rule.title),
    description: redact(match.description),
    rule: redact(rule.id),
    mitre: redact(rule.mitre),
    sensor,
    ...ownerFields(entry),
    action: entry.outcome,
    ...(because !== undefined && { because: redact(because) }),
    ...(count !== undefined && { count }),
    evidence: evidenceOf(match, thresholds),
    ...(evidence && { snapshot: snapshotOf(evidence) }),
  };
}

/** The fields that say whose it is. */
export function ownerFields({ uid, sandbox, instance }: LogOwner) {
  return { sandbox: redact(sandbox), uid, container_name: redact(instance) };
}
