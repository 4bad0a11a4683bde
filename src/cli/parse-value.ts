import { parseDuration } from '../base/units.ts';
import { UsageProblem } from './usage.ts';

/** A duration in milliseconds. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new UsageProblem(`"${text}" is no duration`, 'Write it like 90s, 15m, 2h or 1h30m');
  return ms;
}

/** A duration in milliseconds; a bare number counts seconds. */
export function secondsMs(text: string): number {
  return /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : durationMs(text);
}

/** A whole number, 0 or more. */
export function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageProblem(`"${text}" is no count`, 'Write a whole number, 0 or more');
  return Number(text);
}

/** A whole number of either sign, for whoever has more to say about its size. */
export function wholeNumber(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new UsageProblem(`"${text}" is no number`, 'Write a whole number');
  return Number(text);
}

/** A whole number, 1 or more. */
export function positiveCount(text: string): number {
  if (count(text) === 0) throw new UsageProblem(`"${text}" is too small`, 'Write a whole number, 1 or more');
  return Number(text);
}

/** Number of a user or a group; the highest one means none. */
export function numericId(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1) return Number(text);
  throw new UsageProblem(`"${text}" is no number of a user or a group`, 'Write it in figures, like 1000');
}

/** Permissions as chmod(1) has them in figures, 0 to 7777. */
export function fileMode(text: string): number {
  if (!/^[0-7]{1,4}$/.test(text)) throw new UsageProblem(`"${text}" is no mode`, 'Write it like 644 or 0755');
  return Number.parseInt(text, 8);
}
