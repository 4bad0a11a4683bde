import { readFile } from 'node:fs/promises';
import { Problem } from '../../base/problem.ts';

/** Whose sessions they are: they are read and written as this user, never as root unless it is root. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** Absolute. */
  readonly home: string;
}

/**
 * A user by passwd(5).
 *
 * @throws {Problem} `session.no-home` for an id that is not in it, or has no home there
 */
export async function ownerOf(uid: number, passwd = '/etc/passwd'): Promise<Owner> {
  const lines = (await readFile(passwd, 'utf8')).split('\n').map((line) => line.split(':'));
  const [, , , gid, , home] = lines.find(([, , id]) => id === String(uid)) ?? [];
  if (home?.startsWith('/') && gid !== undefined) return { uid, gid: Number(gid), home };
  throw new Problem({
    code: 'session.no-home',
    message: `Cannot save sessions of user ${uid}: ${passwd} knows no home of that user`,
    hint: 'Give the user a home, or delete the sandbox without saving: coi kill --no-save NAME',
  });
}
