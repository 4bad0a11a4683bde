import type { DetectionEntry } from '../detection-sink.ts';
import { redact } from '../log/redact.ts';
import type { Severity } from '../severity.ts';

/** A quarantine was set or lifted. */
export interface QuarantineChange {
  readonly sandbox: string;
  /** Name of the Incus instance, as far as it is known. */
  readonly instance?: string | undefined;
  readonly isSet: boolean;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly why: string;
}

/** What is told, as the webhook gets it. All texts are without secrets, markup and control characters. */
export interface Message {
  readonly type: 'detection' | 'quarantine';
  /** Name of this machine. */
  readonly host: string;
  /** ISO 8601 in UTC. */
  readonly timestamp: string;
  readonly sandbox: string;
  /** The stamp's, of detections. */
  readonly uid?: string;
  readonly container_name?: string;
  readonly level: Severity;
  readonly title: string;
  readonly description: string;
  /** One line with all of it, under the name that chat services look for. */
  readonly text: string;
  readonly id?: string;
  readonly rule?: string;
  readonly category?: string;
  readonly mitre?: string;
  readonly action: string;
  /** Detections of this sandbox that were not told of since the message before. */
  readonly suppressed?: number;
}

/** What is told of a detection. */
export function ofDetection(host: string, entry: DetectionEntry, suppressed: number): Message {
  const { match, outcome, sandbox, instance, uid, id, at } = entry;
  const { rule } = match;
  const because = entry.because === undefined ? '' : `: ${entry.because}`;
  const parts = {
    title: plain(rule.title),
    description: plain(`${match.description}${because}`),
    sandbox: plain(sandbox),
  };
  return {
    type: 'detection',
    host: plain(host),
    timestamp: new Date(at).toISOString(),
    ...parts,
    uid: plain(uid),
    container_name: plain(instance),
    level: rule.severity,
    id: plain(id),
    rule: plain(rule.id),
    category: rule.category,
    mitre: plain(rule.mitre),
    action: outcome,
    text: `coi: ${parts.sandbox}: ${parts.title} (${rule.severity}, ${outcome}) ${parts.description}`,
    ...(suppressed > 0 && { suppressed }),
  };
}

/** What is told of a quarantine. */
export function ofQuarantine(host: string, change: QuarantineChange): Message {
  const { isSet, sandbox, instance, at, why } = change;
  const title = isSet ? 'Quarantine set' : 'Quarantine lifted';
  const parts = { sandbox: plain(sandbox), description: plain(why) };
  return {
    type: 'quarantine',
    host: plain(host),
    timestamp: new Date(at).toISOString(),
    ...parts,
    ...(instance !== undefined && { container_name: plain(instance) }),
    level: isSet ? 'high' : 'info',
    title,
    action: isSet ? 'set' : 'lifted',
    text: `coi: ${parts.sandbox}: ${title}: ${parts.description}`,
  };
}

/** Signs that make markup, links, mentions or escapes for desktops and chat services, and what stands for them. */
const lookAlikes: Readonly<Record<string, string>> = {
  '<': '‹',
  '>': '›',
  '&': '＆',
  '\\': '⧵',
  '@': '＠',
  '`': "'",
  '[': '(',
  ']': ')',
  '*': '∗',
};

/** Longest text, in UTF-16 units. */
const longest = 500;

/** Hostile text as one short line that nobody takes for more than text. */
export function plain(text: string): string {
  const safe = redact(text);
  const cut = safe.length > longest ? `${safe.slice(0, longest).toWellFormed()}…` : safe.toWellFormed();
  return cut.replace(/[<>&\\@`[\]*]/g, (sign) => lookAlikes[sign] ?? '').replaceAll('://', ':⁄⁄');
}
