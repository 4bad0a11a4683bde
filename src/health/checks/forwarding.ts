import { bridgeSettings } from '../../host/link/settings.ts';
import { readOptional } from '../../host/neighbours/files.ts';
import { failed, ok, type HealthCheck } from '../check.ts';

/** Whether the kernel passes packets on, and has the bridge's other settings. */
export const forwardingCheck: HealthCheck = {
  name: 'ip_forwarding',
  group: 'NETWORKING',
  look: async (sight) => {
    const settings = [...bridgeSettings(await sight.requireBridge())];
    const found = await Promise.all(
      settings.map(async ([path, wanted]) => ({ path, wanted, value: (await readOptional(path))?.trim() })),
    );
    const wrong = found.filter(({ wanted, value }) => value !== wanted);
    const names = ({ path, value }: (typeof found)[number]) => `${nameOf(path)} is ${value ?? 'not there'}`;
    if (wrong.length === 0) return ok('The kernel forwards, and the bridge is set up for it');
    return failed(
      `Kernel settings are not as sandboxes need them: ${wrong.map(names).join(', ')}`,
      wrong.map(({ path, wanted }) => `sysctl -w ${nameOf(path)}=${wanted}`),
    );
  },
};

/** sysctl takes slashes as they are, which links with a dot in their name need. */
function nameOf(path: string): string {
  return path.replace('/proc/sys/', '');
}
