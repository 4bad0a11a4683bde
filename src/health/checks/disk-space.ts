import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, Problem } from '../../base/problem.ts';
import { onlyForRoot } from '../../host/neighbours/ask.ts';
import { ok, warning, type Finding, type HealthCheck } from '../check.ts';
import { renderSize } from '../render-size.ts';

/** Least space for what is saved, in bytes. */
const leastBytes = 5e9;

/** Whether there is room for saved sessions. */
export const diskSpaceCheck: HealthCheck = {
  name: 'disk_space',
  group: 'STORAGE',
  look: async ({ caller: { home } }) => {
    const path = join(home ?? '/', '.coi');
    return judgeDiskSpace(await freeAt(path), path);
  },
};

/** @param freeBytes what a user who is not root may still write */
export function judgeDiskSpace(freeBytes: number, path: string): Finding {
  const text = `${renderSize(freeBytes)} are free for ${path}`;
  if (freeBytes >= leastBytes) return ok(text, { free_bytes: freeBytes });
  return warning(
    `Only ${text}, less than 5 GB: sessions may fail to be saved`,
    ['coi clean --sessions', `du -xsh ${dirname(path)}/* | sort -h | tail`],
    { free_bytes: freeBytes },
  );
}

/** Of the nearest directory that is there. */
async function freeAt(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if ((code === 'ENOENT' || code === 'ENOTDIR') && path !== '/') return freeAt(dirname(path));
    if (code === 'EACCES' || code === 'EPERM') throw onlyForRoot(`for ${path}`);
    throw new Problem({ code: 'health.unreadable', message: `Cannot look at ${path}: ${messageOf(cause)}`, cause });
  }
}
