import { posix } from 'node:path';

/** Home of users that have none: does not exist, by convention of adduser(8). */
export const noHome = '/nonexistent';

/** A path with `~` replaced, `.` and `..` taken out, and no slash at its end. */
export function expandHome(path: string, home: string): string {
  const absolute = path === '~' || path.startsWith('~/') ? `${home}/${path.slice(1)}` : path;
  const normal = posix.normalize(absolute);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
