import { bridgeSettings } from '../../host/link/settings.ts';
import { readOptional } from '../../host/neighbours/files.ts';
import { failed, ok, warning, type Finding, type HealthCheck } from '../check.ts';
import { orWarning } from '../unseen.ts';

/** Where sysctl(8) looks for settings. */
const kernel = '/proc/sys/';

/** Whether the kernel passes packets on, and has the bridge's other settings. */
export const forwardingCheck: HealthCheck = {
  name: 'ip_forwarding',
  group: 'NETWORKING',
  look: (sight) =>
    orWarning(async () => {
      const settings = [...bridgeSettings(await sight.requireBridge())];
      const read = async (path: string) => (await readOptional(path))?.trim();
      return judgeForwarding(
        await Promise.all(settings.map(async ([path, wanted]) => ({ path, wanted, value: await read(path) }))),
      );
    }),
};

/** A kernel setting. */
interface SeenSetting {
  /** Below /proc/sys or /sys. */
  readonly path: string;
  readonly wanted: string;
  /** Undefined where it is not there. */
  readonly value: string | undefined;
}

/** Without forwarding nothing gets out; what the other settings hold back might. */
export function judgeForwarding(settings: readonly SeenSetting[]): Finding {
  const wrong = settings.filter(({ wanted, value }) => value !== wanted);
  if (wrong.length === 0) return ok('The kernel forwards, and the bridge is set up for it');
  const told = wrong.map(({ path, value }) => `${nameOf(path)} is ${value ?? 'not there'}`);
  const tell = wrong.every(({ path }) => isForwarding(path)) ? warning : failed;
  return tell(
    `Kernel settings are not as sandboxes need them: ${told.join(', ')}`,
    wrong.map(({ path, wanted }) =>
      path.startsWith(kernel) ? `sysctl -w ${nameOf(path)}=${wanted}` : `echo ${wanted} >${path}`,
    ),
  );
}

function isForwarding(path: string): boolean {
  return /\/(?:ip_forward|all\/forwarding)$/.test(path);
}

/** sysctl takes slashes as they are, which links with a dot in their name need. */
function nameOf(path: string): string {
  return path.replace(kernel, '');
}
