import { decodeTime, ulid } from 'ulid';
import type { Clock } from '../base/clock.ts';

const prefix = 'coi-publish-';

/** How long anything temporary may be needed, in milliseconds: longer than any image takes. */
export const temporaryMs = 6 * 3_600_000;

/** A name that nobody else gives, for what is only there while an image is made. */
export function temporaryName(clock: Pick<Clock, 'now'>): string {
  return prefix + ulid(clock.now()).toLowerCase();
}

/** Whether a name was given so: one that stands for nothing that anybody means. */
export function isTemporary(name: string): boolean {
  return name.startsWith(prefix);
}

/** Whether a name was given so, and so long ago that whoever gave it is gone. */
export function isLeftOver(name: string, now: number): boolean {
  const id = name.startsWith(prefix) ? name.slice(prefix.length).toUpperCase() : '';
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id) && decodeTime(id) < now - temporaryMs;
}
