import { Problem } from '../../base/problem.ts';
import { failed, ok, warning, type HealthCheck } from '../check.ts';
import { isOlder, versionIn } from '../version.ts';

/** The oldest Incus that coi is tried with. */
const oldest = [6, 0];

/** Whether incusd answers this user, and is new enough. */
export const incusCheck: HealthCheck = {
  name: 'incus',
  group: 'CRITICAL',
  look: async (sight) => {
    try {
      const { isTrusted, version } = await sight.server();
      if (!isTrusted) return failed('Incus answers, but does not let this user do anything', [join]);
      const details = { socket: sight.incus.socketPath, version };
      if (!isOlder(versionIn(version) ?? oldest, oldest)) return ok(`Incus ${version} answers`, details);
      return warning(
        `Incus ${version} is older than ${oldest.join('.')}, the oldest that coi is tried with`,
        ['# Install a newer one: Debian 13, Ubuntu 24.04 and the backports of Debian 12 have it.'],
        details,
      );
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.code === 'incus.no-permission') return failed(error.message, [join, '# Then log in again.']);
      const stopped = await sight.machine.stoppedIncusd();
      if (stopped.length === 0) return failed(error.message, ['systemctl start incus', ...hintOf(error)]);
      return failed(
        `${error.message}; a child of an incusd that died is in its way, stopped, with its database open (${stopped.join(', ')})`,
        [`kill -KILL ${stopped.join(' ')}`, 'systemctl restart incus'],
      );
    }
  },
};

const join = 'usermod -aG incus-admin "$USER"';

function hintOf({ hint }: Problem): string[] {
  return hint === undefined ? [] : [`# ${hint}`];
}
