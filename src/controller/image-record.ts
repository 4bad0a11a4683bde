import type { Problem } from '../base/problem.ts';
import type { ImageReason } from '../plan/plan-image.ts';
import type { ImageManifest } from '../spec/declared-image.ts';
import { reportProblem, timeText, type ProblemReport } from './report.ts';

/** What was concluded about one declared image the last time it was looked at. */
export interface ImageRecord {
  readonly manifest: ImageManifest;
  readonly reason: ImageReason;
  readonly message: string;
  /** Since when the reason holds, milliseconds since 1970. */
  readonly since: number;
  /** What its alias stands for. */
  readonly fingerprint?: string | undefined;
  readonly builtAt?: number | undefined;
  /** When it is looked at again at the latest. */
  readonly nextLookAt?: number | undefined;
  /** Why it could not be looked at or built. */
  readonly problem?: Problem | undefined;
}

/** A declared image as JSON output has it. Times are RFC 3339; what is not known is left out. */
export interface ImageReport {
  readonly name: string;
  /** Whether it is as declared. */
  readonly ready: boolean;
  /** One word from a closed list, for scripts. */
  readonly reason: ImageReason;
  readonly message: string;
  readonly since: string;
  readonly fingerprint?: string;
  readonly built_at?: string;
  readonly next_look_at?: string;
  /** What its script is run on; absent where a definition says that. */
  readonly base?: string;
  readonly source: string;
  readonly file: string;
  readonly line: number;
  readonly failure?: ProblemReport;
}

/** A declared image for JSON output. */
export function reportImage(record: ImageRecord): ImageReport {
  const { manifest, reason, message, since, fingerprint, builtAt, nextLookAt, problem } = record;
  const { recipe } = manifest.image;
  return {
    name: manifest.name,
    ready: isAsDeclared(record),
    reason,
    message,
    since: timeText(since),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(builtAt !== undefined && { built_at: timeText(builtAt) }),
    ...(nextLookAt !== undefined && { next_look_at: timeText(nextLookAt) }),
    ...(recipe.kind === 'script' && { base: recipe.base }),
    source: manifest.source,
    file: manifest.position.file,
    line: manifest.position.line,
    ...(problem && { failure: reportProblem(problem) }),
  };
}

/** Whether it is as declared. */
export function isAsDeclared({ reason }: Pick<ImageRecord, 'reason'>): boolean {
  return reason === 'InSync';
}

/** How far the image of a sandbox is that lacks it, as a sentence. */
export function comingText(name: string, record: ImageRecord | undefined): string {
  const { reason, message } = record ?? { reason: 'Missing', message: '' };
  if (reason === 'Building') return `Its image "${name}" is being built`;
  if (reason === 'Queued') return `Its image "${name}" is built as soon as another one is`;
  if (reason === 'BuildFailed' || reason === 'Failed') return `Its image "${name}" cannot be built: ${message}`;
  return `Its image "${name}" is to be built`;
}
