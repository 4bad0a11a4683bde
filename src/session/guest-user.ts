/** Whom programs run as inside. */
export interface GuestUser {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const root: GuestUser = { uid: 0, gid: 0, home: '/root' };

/** The user with this number in an image's passwd(5), else root: an image that has no such user is made for root. */
export function guestUser(passwd: string, uid: number): GuestUser {
  for (const line of passwd.split('\n')) {
    const [, , user, group, , home] = line.split(':');
    if (user === String(uid) && /^\d+$/.test(group ?? '')) return { uid, gid: uid, home: home || '/' };
  }
  return root;
}
