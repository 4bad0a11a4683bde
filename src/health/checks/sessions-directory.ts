import { join } from 'node:path';
import { sessionsName } from '../../session/save/session-id.ts';
import { failed, ok, unknown, type HealthCheck } from '../check.ts';
import { seeDirectory } from '../caller.ts';
import { problemOf } from './coi-directory.ts';

/** Whether sessions of this user's agent can be saved. The directory is made with the first one. */
export const sessionsDirectoryCheck: HealthCheck = {
  name: 'sessions_directory',
  group: 'STORAGE',
  look: async (sight) => {
    const { caller } = sight;
    if (caller.home === undefined) return unknown(`The user database knows no home of user ${caller.uid}`);
    const path = join(caller.home, '.coi', sessionsName(sight.tool));
    const state = await seeDirectory(path, caller);
    if (state === 'writable') return ok(`${path} is writable`);
    if (state === 'absent') return ok(`${path} is made when the first session is saved`);
    return failed(...problemOf(path, state, caller));
  },
};
