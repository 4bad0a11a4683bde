import { Problem } from '../../base/problem.ts';
import { userEntry } from '../../host/home/user-entry.ts';

/** Whose sessions they are: they are read and written as this user, never as root unless it is root. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** Absolute. */
  readonly home: string;
}

/**
 * A user by numeric id.
 *
 * @throws {Problem} `session.no-home` for an id that nobody knows, or that has no home
 */
export async function ownerOf(uid: number, passwd = '/etc/passwd'): Promise<Owner> {
  const { gid, home } = (await userEntry(uid, { file: passwd })) ?? {};
  if (home?.startsWith('/') && gid !== undefined) return { uid, gid, home };
  throw new Problem({
    code: 'session.no-home',
    message: `There is no place for sessions of user ${uid}: nobody knows a home of that user`,
    hint: `Give the user a home directory; getent passwd ${uid} is to show it`,
  });
}
