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
