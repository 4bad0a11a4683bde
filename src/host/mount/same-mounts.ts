import { readlink } from 'node:fs/promises';
import { Problem } from '../../base/problem.ts';

/**
 * Make sure that another process finds what is mounted here. Where it cannot be told, it is taken for granted: an instance
 * that is not covered is noticed once it runs.
 *
 * @throws {Problem} `mount.apart` when it has a mount namespace of its own, or this process has
 * @see mount_namespaces(7), proc_pid_ns(5)
 */
export async function requireSameMounts(pid: number): Promise<void> {
  const other = await namespaceOf(String(pid));
  const own = await namespaceOf('self');
  if (other === undefined || own === undefined || other === own) return;
  throw new Problem({
    code: 'mount.apart',
    message:
      'Directories of the host cannot be shown: incusd does not see what is mounted here, it has other mounts than this process',
    hint:
      'Take ProtectSystem=, PrivateTmp= and their like out of the unit of coi (see deploy/systemd/coi.service), or start ' +
      'both in the same mount namespace',
  });
}

async function namespaceOf(pid: string): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/ns/mnt`);
  } catch {
    // Gone, or in another pid namespace, so that the number means somebody else or nobody.
    return undefined;
  }
}
