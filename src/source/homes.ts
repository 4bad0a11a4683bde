import { userEntry } from '../host/home/user-entry.ts';
import { noHome } from '../spec/expand-home.ts';

/** Home directory of a user id; `/nonexistent` for ids that nobody knows, so that `~` in their files leads nowhere. */
export async function homeOf(uid: number, passwd = '/etc/passwd'): Promise<string> {
  return (await userEntry(uid, { file: passwd }))?.home || noHome;
}
