import { ok, unknown, type HealthCheck } from '../check.ts';
import { orWarning } from '../unseen.ts';

/** How many sessions this user has saved. */
export const savedSessionsCheck: HealthCheck = {
  name: 'saved_sessions',
  group: 'STATUS',
  look: async (sight) => {
    const { caller } = sight;
    if (caller.home === undefined) return unknown(`The user database knows no home of user ${caller.uid}`);
    return orWarning(async () => {
      const tool = sight.tool;
      const count = await sight.savedSessions(tool);
      return ok(`Saved sessions of ${tool}: ${count}`, { count });
    });
  },
};
