import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { showOnDesktop, type DesktopMessage } from '../../../src/host/notify/desktop.ts';

/** Root becomes somebody else; whoever is not root stays who they are. */
const isRoot = process.getuid?.() === 0;
const user = isRoot ? 12_345 : process.getuid!();
/** All groups that the program has: none of root's. */
const groups: unknown = isRoot ? '54321' : expect.any(String);

let dir = '';
let places = { runtimeDir: '', path: '' };
let bus: Server;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'coi-desktop-'));
  chmodSync(dir, 0o755);
  const [home, bin, out] = ['run', 'bin', 'out'].map((name) => join(dir, name)) as [string, string, string];
  for (const path of [home, join(home, String(user)), bin, out]) mkdirSync(path);
  bus = createServer().listen(join(home, String(user), 'bus'));
  await once(bus, 'listening');
  for (const path of [join(home, String(user)), join(home, String(user), 'bus'), out]) {
    if (isRoot) chownSync(path, user, 54_321);
  }
  places = { runtimeDir: home, path: `${bin}:/usr/bin:/bin` };
});
afterEach(() => {
  bus.close();
  rmSync(dir, { recursive: true });
});

/** A stand-in for notify-send that writes down what it was given, and by whom. */
function install(end = ''): void {
  const path = join(dir, 'bin/notify-send');
  writeFileSync(path, `#!/bin/sh\n{ id -u; id -G; printf '%s\\n' "$@"; env; } >${dir}/out/said\n${end}\n`, {
    mode: 0o755,
  });
}

const said = () => readFileSync(join(dir, 'out/said'), 'utf8').split('\n');
const message: DesktopMessage = { title: '--help', body: 'a b', urgency: 'critical' };

test('a message is shown by notify-send as its user, whose session bus it gets, and as text whatever it says', async () => {
  install();
  expect(await showOnDesktop(user, message, places)).toBe(true);
  const lines = said();
  expect(lines[0]).toBe(String(user));
  expect(lines.slice(2, 7)).toEqual(['--app-name=coi', '--urgency=critical', '--', '--help', 'a b']);
  expect(lines).toContain(`DBUS_SESSION_BUS_ADDRESS=unix:path=${places.runtimeDir}/${user}/bus`);
  // Nothing of the controller's own: neither its groups nor its environment.
  expect(lines[1]).toEqual(groups);
  expect(lines.filter((line) => /^(?:VITEST|HOME)=/.test(line))).toEqual([]);
});

test('nothing is shown where there is no session, no bus that is the user’s, or no notify-send', async () => {
  const bin = { ...places, path: join(dir, 'bin') };
  expect(await showOnDesktop(user, message, bin)).toBe(false);
  install();
  expect(await showOnDesktop(user + 1, message, places)).toBe(false);
  const path = join(places.runtimeDir, String(user), 'bus');
  rmSync(path);
  writeFileSync(path, '');
  if (isRoot) chownSync(path, user, 54_321);
  expect(await showOnDesktop(user, message, places)).toBe(false);
  expect(existsSync(join(dir, 'out/said'))).toBe(false);
});

test('a notify-send that fails says so', async () => {
  install('exit 3');
  await expect(showOnDesktop(user, message, places)).rejects.toMatchObject({ code: 'notify.desktop' });
});
