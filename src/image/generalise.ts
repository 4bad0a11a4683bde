import { Problem } from '../base/problem.ts';
import { runScript, type Guest } from './guest.ts';

/**
 * Take away what is one container's own, so that those made from the image are not taken for each other: an identity that
 * two machines share gets both the same lease, see machine-id(5). The file stays, for without it a start is a first boot.
 * Whatever cannot be taken away ends it: keys that many machines share are worse than no image.
 */
const script = `
set -e
rm -rf /var/lib/coi-build /run/coi-build
[ ! -e /etc/machine-id ] || : >/etc/machine-id
[ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
rm -f /var/lib/systemd/random-seed /etc/ssh/ssh_host_*
for dir in /tmp /var/tmp; do
  [ ! -d "$dir" ] || find "$dir" -xdev -mindepth 1 -maxdepth 1 -exec rm -rf --one-file-system '{}' + 2>/dev/null ||
    find "$dir" -xdev -mindepth 1 -maxdepth 1 -exec rm -rf '{}' +
done
rm -rf /var/log/journal/*
[ ! -d /var/log ] || find /var/log -xdev -type f -exec rm -f '{}' +
sync
`;

/** Make a build container ready to be an image. @throws {Problem} `image.not-general` */
export async function generalise(guest: Guest): Promise<void> {
  const { exitCode, stderr } = await runScript(guest, script, { timeoutMs: 300_000 });
  if (exitCode === 0) return;
  throw new Problem({
    code: 'image.not-general',
    message: `What is the build container's own could not be taken away: ${stderr.toString('utf8').trim().split('\n').at(-1)}`,
    hint: 'The base needs sh, rm, find and sync.',
  });
}
