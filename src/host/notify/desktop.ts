import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { messageOf, Problem } from '../../base/problem.ts';

/** Until the desktop has taken it, in milliseconds. */
const timeoutMs = 5_000;

/** What a user's desktop is to show. Plain text: desktops take markup in it, and backslashes as escapes. */
export interface DesktopMessage {
  readonly title: string;
  readonly body: string;
  readonly urgency: 'normal' | 'critical';
}

/** Where users' sessions are, and where programs are looked for. */
export interface DesktopPlaces {
  readonly runtimeDir: string;
  readonly path: string;
}

const usualPlaces: DesktopPlaces = { runtimeDir: '/run/user', path: '/usr/local/bin:/usr/bin:/bin' };

/**
 * Show a message on the desktop of a user of this host, by notify-send(1) as that user: we connect to nothing that a user
 * made, and what the program does it does with their rights.
 *
 * @param user numeric id
 * @returns false where nobody would see it: no session, or no notify-send
 * @throws {Problem} `notify.desktop` when the program fails
 */
export async function showOnDesktop(
  user: number,
  { title, body, urgency }: DesktopMessage,
  { runtimeDir, path }: DesktopPlaces = usualPlaces,
): Promise<boolean> {
  const home = join(runtimeDir, String(user));
  const group = await sessionGroup(home, user);
  if (group === undefined) return false;
  const result = await execa('notify-send', ['--app-name=coi', `--urgency=${urgency}`, '--', title, body], {
    uid: user,
    gid: group,
    cwd: '/',
    env: { PATH: path, LANG: 'C.UTF-8', XDG_RUNTIME_DIR: home, DBUS_SESSION_BUS_ADDRESS: `unix:path=${home}/bus` },
    extendEnv: false,
    stdin: 'ignore',
    stdout: 'ignore',
    maxBuffer: 4_096,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    reject: false,
  });
  if (!result.failed) return true;
  if (result.code === 'ENOENT') return false;
  throw new Problem({
    code: 'notify.desktop',
    message: `notify-send failed for user ${user}: ${messageOf(result.originalMessage ?? result.shortMessage)}`,
    hint: 'notifications.desktop = false in the settings ends such notifications',
  });
}

/** Group of a user's runtime directory, when their session bus is in it; see pam_systemd(8). */
async function sessionGroup(home: string, user: number): Promise<number | undefined> {
  try {
    const [dir, bus] = await Promise.all([lstat(home), lstat(join(home, 'bus'))]);
    return dir.isDirectory() && dir.uid === user && bus.isSocket() && bus.uid === user ? dir.gid : undefined;
  } catch {
    // No such user is logged in.
    return undefined;
  }
}
