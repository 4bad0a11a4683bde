import { userInfo } from 'node:os';
import type { Io } from './io.ts';

/** Who gives a command: with sudo, the user who called it. */
export interface Who {
  readonly uid: number;
  /** Name for people; the number where the user database has none. */
  readonly by: string;
}

/** The user behind this process. `SUDO_UID` counts for root only: anybody else could set it. */
export function whoCalls({ env }: Pick<Io, 'env'>): Who {
  const uid = process.getuid?.() ?? 0;
  const { SUDO_UID, SUDO_USER } = env;
  if (uid === 0 && SUDO_UID !== undefined && /^\d{1,10}$/.test(SUDO_UID)) {
    return { uid: Number(SUDO_UID), by: SUDO_USER || SUDO_UID };
  }
  return { uid, by: nameOf(uid) };
}

function nameOf(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    // The user database does not know this user.
    return String(uid);
  }
}
