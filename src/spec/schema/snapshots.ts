import { z } from 'zod';
import { snapshotScheduleFault } from '../check-schedule.ts';
import { field } from './field.ts';

/** Names that Incus has for usual schedules, see its documentation, "Instance options", snapshots.schedule. */
const schedule = z
  .string()
  .regex(/^(?:|@(?:hourly|daily|midnight|weekly|monthly|yearly|annually)|\s*[^\s@]\S*(?:\s+\S+){4}\s*)$/)
  .refine((text) => snapshotScheduleFault(text) === undefined, {
    error: ({ input }) => snapshotScheduleFault(String(input)),
  });

/** Incus counts minutes, see its documentation, "Instance options", snapshots.expiry. */
const expiry = z
  .string()
  .regex(/^(?:(?:[0-9]+[mhd])+)?$/)
  .refine((text) => !/^(?:0+[mhd])+$/.test(text), 'The duration is zero: make it longer or remove the key.');

/** Snapshots that Incus makes and removes by itself. */
export const snapshotsSection = z.strictObject({
  schedule: field(schedule, {
    description:
      'When to make one, as a cron expression in the time zone of the host, or a name for a usual one, whose minute Incus ' +
      'chooses. `""`: never.',
    allowed: 'five cron fields such as "30 2 * * *", or "@hourly", "@daily", "@weekly", "@monthly", "@yearly", or ""',
  }),
  expiry: field(expiry, {
    description: 'How long each of them is kept; without it until somebody deletes it.',
    default: '',
    allowed: 'a duration in minutes, hours or days such as "45m", "12h", "7d" or "1d12h", or ""',
  }),
  stopped: field(z.boolean(), {
    description: 'Whether they are also made while the sandbox is stopped.',
    default: false,
  }),
});
