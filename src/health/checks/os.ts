import { machine, release } from 'node:os';
import { cannotShiftBecause } from '../../host/mount/lima.ts';
import { readOptional } from '../../host/neighbours/files.ts';
import { ok, type Finding, type HealthCheck } from '../check.ts';

/** What this host is. */
export const osCheck: HealthCheck = {
  name: 'os',
  group: 'SYSTEM',
  look: async () => describeSystem((await readOptional('/etc/os-release')) ?? '', await cannotShiftBecause()),
};

/**
 * What a host is, for people.
 *
 * @param osRelease text of os-release(5)
 * @param lima why ids of files are not shifted there
 */
export function describeSystem(osRelease: string, lima: string | undefined): Finding {
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] || 'Linux';
  const what = `${name}, kernel ${release()}, ${machine()}`;
  if (lima === undefined) return ok(what);
  return ok(`${what}; ${lima}: ids of files are left as they are, and what is on the Mac belongs to its user`);
}
