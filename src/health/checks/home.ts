import { lstat, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, Problem } from '../../base/problem.ts';
import { failed, ok, warning, type Finding, type HealthCheck } from '../check.ts';
import type { Owner } from '../../session/save/owner.ts';

/** Whether the directory of this user's own files can be used. */
export const coiDirectoryCheck: HealthCheck = {
  name: 'coi_directory',
  group: 'STORAGE',
  look: async (sight) => {
    const owner = await sight.owner();
    return judgeDirectory(coiDirectory(owner), owner);
  },
};

/** Whether sessions of the usual agent can be saved. */
export const sessionsDirectoryCheck: HealthCheck = {
  name: 'sessions_directory',
  group: 'STORAGE',
  look: async (sight) => {
    const { agent } = sight.settings;
    if (agent === undefined) return ok('Sessions start a command, of which nothing is saved');
    const owner = await sight.owner();
    return judgeDirectory(join(coiDirectory(owner), `sessions-${agent}`), owner);
  },
};

/** Whether there is room to save sessions. */
export const diskSpaceCheck: HealthCheck = {
  name: 'disk_space',
  group: 'STORAGE',
  look: async (sight) => {
    const path = await nearest(coiDirectory(await sight.owner()));
    const { bavail, bsize } = await statfs(path);
    return judgeSpace(path, bavail * bsize);
  },
};

/** Whether there is room. @param freeBytes for whoever is not root */
export function judgeSpace(path: string, freeBytes: number): Finding {
  const text = `${(freeBytes / 1e9).toFixed(1)} GB are free at ${path}`;
  return freeBytes < 5e9 ? warning(text, ['coi clean --sessions', `df -h ${path}`]) : ok(text);
}

/** Whether a directory can be written by its owner, or be made; links are not followed when sessions are saved. */
export async function judgeDirectory(path: string, { uid, home }: Owner): Promise<Finding> {
  const found = await nearest(path);
  // Down to the home any link may be.
  const seen = await (found.length > home.length ? lstat(found) : stat(found));
  if (!seen.isDirectory()) {
    return failed(`${found} is ${seen.isSymbolicLink() ? 'a link' : 'no directory'}: no session can be saved`, [
      `mv ${found} ${found}.old`,
    ]);
  }
  const isOwn = uid === 0 || (seen.uid === uid && (seen.mode & 0o300) === 0o300);
  if (isOwn) return ok(found === path ? `${path} can be written` : `${path} is made with the first session`);
  if (!found.startsWith(home)) return failed(`${home} is not there: no session can be saved`, [`# Make ${home}.`]);
  return failed(`${found} cannot be written by its user: no session can be saved`, [`chown ${uid} ${found}`]);
}

function coiDirectory({ home }: Owner): string {
  return join(home, '.coi');
}

/** The path itself, or the nearest above it that is there. */
async function nearest(path: string): Promise<string> {
  try {
    await lstat(path);
    return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return nearest(dirname(path));
    throw new Problem({
      code: 'health.unreadable',
      message: `Cannot look at ${path}: ${messageOf(error)}`,
      cause: error,
    });
  }
}
