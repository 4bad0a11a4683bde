import { Problem } from '../../base/problem.ts';
import { failed, ok, type HealthCheck } from '../check.ts';

/** Whether incusd answers this user. */
export const incusCheck: HealthCheck = {
  name: 'incus',
  group: 'CRITICAL',
  look: async ({ incus, signal }) => {
    try {
      const { isTrusted, version } = await incus.server({ signal });
      if (isTrusted) return ok(`Incus ${version} answers`, { socket: incus.socketPath, version });
      return failed('Incus answers, but does not let this user do anything', [join]);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const isDenied = error.code === 'incus.no-permission';
      return failed(
        error.message,
        isDenied ? [join, '# Then log in again.'] : ['systemctl start incus', ...hintOf(error)],
      );
    }
  },
};

const join = 'usermod -aG incus-admin "$USER"';

function hintOf({ hint }: Problem): string[] {
  return hint === undefined ? [] : [`# ${hint}`];
}
