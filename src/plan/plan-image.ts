import type { DeclaredImage } from '../spec/declared-image.ts';
import { firingsOf, type ScheduleCache } from './schedule.ts';

/** How a declared image compares with what this host has. */
export type ImageLook =
  /** Nothing has its alias. */
  | { readonly kind: 'missing' }
  /** Its alias stands for an image that no definition made. */
  | { readonly kind: 'foreign'; readonly fingerprint: string }
  /** Its alias stands for what some definition or script made: the one that is declared as it is now, or another. */
  | {
      readonly kind: 'built';
      readonly fingerprint: string;
      readonly isCurrent: boolean;
      /** Milliseconds since 1970. */
      readonly builtAt: number;
    };

/** A build that failed. */
export interface FailedBuild {
  readonly message: string;
  /** In a row. */
  readonly failures: number;
  /** When it is tried again, milliseconds since 1970. */
  readonly retryAt: number;
}

/** Everything that planning looks at for one image. */
export interface ImageWorld {
  readonly image: DeclaredImage;
  readonly look: ImageLook;
  /** When it was last built here, milliseconds since 1970: an image that comes out the same keeps its old time. */
  readonly lastBuiltAt?: number | undefined;
  readonly failed?: FailedBuild | undefined;
  /** Whether that was from what it would be built from now. */
  readonly wasBuiltSo?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** One word for how an image is, for scripts. */
export type ImageReason =
  | 'InSync'
  | 'Missing'
  | 'Outdated'
  | 'Refresh'
  | 'Building'
  | 'Queued'
  | 'BuildFailed'
  | 'ForeignImage'
  | 'Failed';

/** What is to be done about an image. */
export interface ImagePlan {
  readonly reason: Extract<ImageReason, 'InSync' | 'Missing' | 'Outdated' | 'Refresh' | 'BuildFailed' | 'ForeignImage'>;
  readonly message: string;
  /** Whether it is to be built, and whether without what earlier builds left. */
  readonly build?: { readonly anew: boolean };
  /** Look again by then, milliseconds since 1970. */
  readonly nextLookAt?: number;
}

/** What was just built, and is not as declared for all that, is not built again at once, in milliseconds. */
const restMs = 20_000;

/** Whether an image is to be built now, and why. What no definition made is left alone. */
export function planImage(world: ImageWorld, cache?: ScheduleCache): ImagePlan {
  const { look, failed, now } = world;
  if (look.kind === 'foreign') {
    return { reason: 'ForeignImage', message: 'The image with its alias was not made from a definition, and stays' };
  }
  const { due, nextMs } = refreshOf(world, cache);
  const wish = wishFor(look, due);
  const next = nextMs === undefined ? {} : { nextLookAt: nextMs };
  if (!wish) return { reason: 'InSync', message: 'It is as declared', ...next };
  if (failed && failed.retryAt > now) {
    return { reason: 'BuildFailed', message: failed.message, nextLookAt: Math.min(failed.retryAt, nextMs ?? Infinity) };
  }
  const restedAt = (world.lastBuiltAt ?? 0) + restMs;
  if (world.wasBuiltSo && restedAt > now) return { reason: wish.reason, message: wish.message, nextLookAt: restedAt };
  return { ...wish, ...next };
}

function wishFor(look: Exclude<ImageLook, { kind: 'foreign' }>, isDue: boolean): ImagePlan | undefined {
  if (look.kind === 'missing') return { reason: 'Missing', message: 'There is no such image', build: { anew: false } };
  if (!look.isCurrent) {
    return { reason: 'Outdated', message: 'What it is built from is not as it was', build: { anew: false } };
  }
  if (isDue) return { reason: 'Refresh', message: 'Its schedule says so', build: { anew: true } };
  return undefined;
}

function refreshOf(
  { image: { schedule }, look, lastBuiltAt = 0, now }: ImageWorld,
  cache?: ScheduleCache,
): { readonly due: boolean; readonly nextMs?: number | undefined } {
  if (!schedule) return { due: false };
  const { lastMs, nextMs } = firingsOf(schedule, now, cache);
  const builtAt = look.kind === 'built' ? Math.max(look.builtAt, lastBuiltAt) : lastBuiltAt;
  return { due: lastMs !== undefined && lastMs > builtAt, nextMs };
}
