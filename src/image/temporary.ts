import type { Clock } from '../base/clock.ts';
import { temporaryNameFor, temporarySince } from '../host/incus/temporary-names.ts';

/** How long anything temporary may be needed, in milliseconds: longer than any image takes. */
export const temporaryMs = 6 * 3_600_000;

/** A name that nobody else gives, for what is only there while an image is made. */
export function temporaryName(clock: Pick<Clock, 'now'>): string {
  return temporaryNameFor('publish', clock);
}

/** Whether a name was given so: one that stands for nothing that anybody means. */
export function isTemporary(name: string): boolean {
  return temporarySince('publish', name) !== undefined;
}

/** Whether a name was given so, and so long ago that whoever gave it is gone. */
export function isLeftOver(name: string, now: number): boolean {
  const since = temporarySince('publish', name);
  return since !== undefined && since < now - temporaryMs;
}
