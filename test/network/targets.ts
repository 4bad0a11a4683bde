import type { Lab } from '../lab/lab.ts';

/** One thing to try from inside: `host` may be a link-local address with its zone. */
export interface Target {
  readonly name: string;
  readonly proto: 'tcp' | 'udp';
  readonly host: string;
}

export const port = 8080;

/** To be tried with TCP: addresses by what they are called. */
export function tcpTargets(hosts: Readonly<Record<string, string>>): Target[] {
  return Object.entries(hosts).map(([name, host]) => ({ name, proto: 'tcp', host }));
}

/** Every address that the lab's host has, those of a link with their zone as seen from inside. */
export async function hostAddresses(lab: Lab): Promise<string[]> {
  const links = JSON.parse(await lab.inside.output(['ip', '-j', 'address', 'show'])) as Link[];
  return links
    .filter(({ ifname }) => ifname === 'coibr0' || ifname.startsWith('lab-'))
    .flatMap(({ ifname, addr_info }) => addr_info.filter(({ scope }) => scope === 'global' || ifname === 'coibr0'))
    .map(({ local, scope }) => (scope === 'link' ? `${local}%eth0` : local));
}

interface Link {
  readonly ifname: string;
  readonly addr_info: readonly { readonly local: string; readonly scope: string }[];
}

/** Tries a list of `NAME PROTO HOST` at once and prints the names from which an answer came. Where there is no bash,
 * TCP alone can be tried. */
const script = `
try() {
  if [ -n "$BASH_VERSION" ]; then
    timeout 1 bash -c 'exec 3<>/dev/$0/$1/$2; echo hello >&3; [ -n "$(dd bs=512 count=1 status=none <&3)" ]' "$2" "$3" ${port}
  else
    [ -n "$( { echo hello; sleep 1; } | timeout 1 nc -w 1 "$3" ${port} )" ]
  fi 2>/dev/null && echo "$1"
}
while read -r name proto host; do try "$name" "$proto" "$host" & done
wait
`;

/** Which of the targets answer a container's root. */
export async function openFrom(lab: Lab, instance: string, targets: readonly Target[]): Promise<string[]> {
  const shell = 'command -v bash >/dev/null && exec bash -c "$0" || exec sh -c "$0"';
  const input = targets.map(({ name, proto, host }) => `${name} ${proto} ${host}\n`).join('');
  const argv = ['incus', 'exec', '-T', instance, '--', 'sh', '-c', shell, script];
  const { stdout } = await lab.run(argv, { input, timeoutMs: 60_000 });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
}
