import { CronTime } from 'cron';
import { messageOf } from '../base/problem.ts';
import { nearest } from './nearest.ts';

/** Why a text is no cron expression that ever fires, as a sentence; undefined when it is one. */
export function cronFault(expression: string): string | undefined {
  try {
    new CronTime(expression, 'UTC').getNextDateFrom(new Date());
    return undefined;
  } catch (error) {
    // The cron package reports both a wrong field and a date that never comes by throwing.
    const text = messageOf(error);
    if (text.includes('No execution date')) return 'The day it names never comes.';
    return `Correct the expression: ${text}.`;
  }
}

/**
 * Why a text is no schedule for snapshots, as a sentence; undefined when it is one. Incus reads it, and knows less than we do:
 * its weeks begin with 0 and have no day 7, and a range does not go past the end.
 */
export function snapshotScheduleFault(text: string): string | undefined {
  if (text === '' || text.startsWith('@')) return undefined;
  const fault = cronFault(text);
  if (fault !== undefined) return fault;
  const fields = text.trim().toLowerCase().split(/\s+/);
  if (/(?:^|[,-])7(?:$|[,/-])/.test(fields[4] ?? '')) return 'Incus has no weekday 7: Sunday is 0.';
  return fields.every((each) => plainField.test(each))
    ? undefined
    : 'Use numbers, names, "*", lists, ranges and steps only.';
}

const plainField = /^(?:\*|[0-9a-z]+(?:-[0-9a-z]+)?)(?:\/[0-9]+)?(?:,(?:\*|[0-9a-z]+(?:-[0-9a-z]+)?)(?:\/[0-9]+)?)*$/;

/** Why a text is no time zone, as a sentence; undefined when it is one. */
export function timezoneFault(zone: string): string | undefined {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone });
    return undefined;
  } catch {
    // A RangeError is how Intl says that it does not know the zone.
    const meant = nearest(zone, Intl.supportedValuesOf('timeZone'));
    return meant ? `Did you mean "${meant}"?` : 'Use a name such as "Europe/Warsaw" or "UTC".';
  }
}
