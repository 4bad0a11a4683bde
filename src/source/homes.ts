import { readFile } from 'node:fs/promises';
import { noHome } from '../spec/expand-home.ts';

/**
 * Home directory of a user id, by passwd(5); `/nonexistent` for ids that are not in it, so that `~` in their files leads
 * nowhere. Reads the file at each call: it is small, and only changed manifests ask.
 */
export async function homeOf(uid: number, passwd = '/etc/passwd'): Promise<string> {
  const users = (await readFile(passwd, 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find(([, , id]) => id === String(uid));
  return user?.[5] || noHome;
}
