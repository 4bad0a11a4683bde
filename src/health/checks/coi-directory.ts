import { join } from 'node:path';
import { failed, ok, unknown, warning, type HealthCheck } from '../check.ts';
import { seeDirectory, type Caller } from '../caller.ts';

/** Whether this user can keep anything: `.coi` in the home. It is made when the first session is saved. */
export const coiDirectoryCheck: HealthCheck = {
  name: 'coi_directory',
  group: 'STORAGE',
  look: async ({ caller }) => {
    const { home, uid } = caller;
    if (home === undefined)
      return unknown(`The user database knows no home of user ${uid}: no session of theirs is saved`);
    const path = join(home, '.coi');
    const state = await seeDirectory(path, caller);
    if (state === 'writable') return ok(`${path} is writable`);
    if (state !== 'absent') return failed(...problemOf(path, state, caller));
    if ((await seeDirectory(home, caller)) === 'writable') return ok(`${path} is made when the first session is saved`);
    return warning(
      `There is no ${path}, and ${home} is no directory that user ${uid} may write to`,
      makeFor(path, caller),
    );
  },
};

/** What is wrong with a directory that is there, and what puts it right. */
export function problemOf(path: string, state: 'no-directory' | 'not-writable', caller: Caller): [string, string[]] {
  if (state === 'not-writable') return [`User ${caller.uid} may not write to ${path}`, makeFor(path, caller)];
  return [
    `${path} is no directory: links are not followed there`,
    [`mv ${path} ${path}.old`, ...makeFor(path, caller)],
  ];
}

function makeFor(path: string, { uid, gid }: Caller): string[] {
  return [`sudo install -d -m 0700 -o ${uid} -g ${gid} ${path}`];
}
