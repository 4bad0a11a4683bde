import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from './lab.ts';
import { until } from './until.ts';

/**
 * Starts a real firewalld in a lab, on a message bus of the lab's own and with a copy of the machine's configuration. While it
 * runs, a bridge outside of its zone `trusted` gets no DHCP and no DNS.
 *
 * @returns the directory of its configuration, as everybody in the lab sees it
 */
export async function startFirewalld(lab: Lab): Promise<string> {
  const etc = join(lab.dir, 'firewalld');
  await cp('/etc/firewalld', etc, { recursive: true });
  await lab.inside.output(['mount', '--bind', etc, '/etc/firewalld']);
  await lab.inside.output(['mkdir', '-p', '/run/dbus']);
  lab.spawn(['dbus-daemon', '--system', '--nofork', '--nopidfile']);
  await until(
    'the message bus',
    async () => (await lab.run(['test', '-S', '/run/dbus/system_bus_socket'])).exitCode === 0,
  );
  lab.spawn(['firewalld', '--nofork', '--nopid']);
  const isUp = async () => (await lab.run(['firewall-cmd', '--state'])).exitCode === 0;
  await until('firewalld', isUp, { timeoutMs: 60_000, everyMs: 200 });
  return etc;
}
