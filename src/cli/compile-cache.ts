import { userInfo } from 'node:os';

/**
 * Directory for compiled code of this user, which makes the next start quicker; undefined where there is no good one.
 * Below the home that the user database names, never below `HOME` or /tmp: who can write there could have root run code.
 */
export function compileCacheDirectory(): string | undefined {
  try {
    const { homedir } = userInfo();
    return homedir.length > 1 ? `${homedir}/.cache/coi/compiled` : undefined;
  } catch {
    // The database does not know this user; coi runs without a cache.
    return undefined;
  }
}
