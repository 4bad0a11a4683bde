import { readFile } from 'node:fs/promises';
import { execa } from 'execa';

/** What the system knows of a user, see passwd(5). */
export interface UserEntry {
  readonly gid: number;
  /** Absolute, unless the user has none. */
  readonly home: string;
}

/** Where users are looked up. */
export interface UserSources {
  /** Asked first: it is small, and has most of them. */
  readonly file: string;
  /** Program that knows the others, as those of a directory service. @see getent(1), nsswitch.conf(5) */
  readonly getent: string;
}

const usual: UserSources = { file: '/etc/passwd', getent: 'getent' };

/** Longest wait for a directory service, in milliseconds. */
const askMs = 10_000;

/** A user by numeric id; undefined where nobody knows one. */
export async function userEntry(uid: number, sources: Partial<UserSources> = {}): Promise<UserEntry | undefined> {
  const { file, getent } = { ...usual, ...sources };
  const known = entryIn(await readFile(file, 'utf8'), uid);
  if (known) return known;
  // Fails also where there is no such program: then there is only the file.
  const { stdout, failed } = await execa(getent, ['passwd', String(uid)], {
    timeout: askMs,
    reject: false,
    stdin: 'ignore',
    stderr: 'ignore',
  });
  return failed ? undefined : entryIn(stdout, uid);
}

function entryIn(text: string, uid: number): UserEntry | undefined {
  const [, , , gid, , home = ''] =
    text
      .split('\n')
      .map((line) => line.split(':'))
      .find(([, , id]) => id === String(uid)) ?? [];
  return gid === undefined ? undefined : { gid: Number(gid), home };
}
