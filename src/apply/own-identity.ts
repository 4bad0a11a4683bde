import { isIncusError } from '../host/incus/errors.ts';
import { openCopyFiles } from './copy-files.ts';
import type { Task } from './hands.ts';

/** A copy, and what it was copied from. */
export interface Copy {
  /** Incus instance. */
  readonly instance: string;
  readonly original: string;
}

/** See sshd_config(5), HostKey: names that ssh-keygen(1) gives with -A. */
const hostKey = /^ssh_host_[a-z0-9]{1,32}_key(?:\.pub)?$/;

/**
 * Take from a copy that never ran what tells the original from others on a network: its machine id, its host name, its SSH
 * host keys. All of it is in the hands of whoever was root in the original, so nothing but files of these names is touched,
 * links are left alone, and nothing is made that is not there.
 *
 * An empty machine id makes systemd choose one without taking the start for the very first one of the system, see
 * machine-id(5); the one of D-Bus would be taken in its place, unless it is a link.
 *
 * @returns whether it lacks host keys now
 */
export async function ownIdentity(task: Task, { instance, original }: Copy): Promise<boolean> {
  const files = await openCopyFiles(task, instance);
  const machineId = '/etc/machine-id';
  if ((await files.read(machineId)) !== undefined) await files.write(machineId, '');
  const busId = '/var/lib/dbus/machine-id';
  if ((await files.read(busId)) !== undefined) await files.remove(busId);
  for (const path of ['/etc/hostname', '/etc/hosts']) {
    const text = await files.read(path);
    const own = text === undefined ? undefined : renamed(text, { instance, original });
    if (own !== undefined && own !== text) await files.write(path, own);
  }
  const keys = (await files.names('/etc/ssh')).filter((name) => hostKey.test(name));
  for (const key of keys) await files.remove(`/etc/ssh/${key}`);
  return keys.length > 0;
}

/** A text with the name of the copy wherever the whole name of the original was. */
function renamed(text: string, { instance, original }: Copy): string {
  const parts = text.split(/([A-Za-z0-9-]+)/);
  return parts.map((part) => (part === original ? instance : part)).join('');
}

/** Makes what is missing of them, and lets a server that needed them start. Who has no such program needs none. */
const makeKeys = `
command -v ssh-keygen >/dev/null || exit 0
ssh-keygen -A
for unit in ssh sshd; do
  if systemctl is-enabled --quiet "$unit" 2>/dev/null; then systemctl --no-block restart "$unit"; fi
done
`;

/** Slow where there is little randomness yet, in milliseconds. */
const makeKeysMs = 30_000;

/** Give a copy that runs SSH host keys of its own. Failing at that keeps it from nothing else. */
export async function makeHostKeys({ hands, signal }: Task, instance: string): Promise<void> {
  const options = { cwd: '/', signal, timeoutMs: makeKeysMs };
  await hands.incus.exec.run(instance, ['sh', '-c', makeKeys], options).catch((error: unknown) => {
    signal.throwIfAborted();
    // What runs for a moment only may be over; and who asks for sshd inside sees that it has no keys.
    if (!isIncusError(error)) throw error;
  });
}
