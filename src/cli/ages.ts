import { renderDuration } from '../base/units.ts';

/** How long ago an RFC 3339 time was: `5m 2s`; empty when there is none. */
export function ageOf(time: string | undefined, now: number): string {
  return time === undefined ? '' : renderDuration(now - Date.parse(time));
}

/** How long until an RFC 3339 time: `in 5s`, or `now`. */
export function untilText(time: string, now: number): string {
  const left = Date.parse(time) - now;
  return left < 1_000 ? 'now' : `in ${renderDuration(left)}`;
}
