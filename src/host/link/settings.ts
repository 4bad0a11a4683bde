import { Problem } from '../../base/problem.ts';
import type { Bridge } from '../../network/policy.ts';
import { runInNetwork } from './in-network.ts';
import type { LinkCall } from './links.ts';

/** Bits of the group addresses 01:80:c2:00:00:03 to :0f, as the kernel prints them; it allows no others. */
const groups = '0xfff8';

/**
 * Kernel settings that the bridge needs: packets are passed on, and a packet whose IPv4 source lies outside the
 * bridge's prefix is dropped even while no ruleset is loaded. On a shared bridge only the first holds: the rest would change
 * what others on it can do. See ip-sysctl in the kernel's documentation.
 *
 * Frames to the group addresses of bridges (IEEE 802.1D), that of LLDP most of all, pass by the rules about the bridge unless it
 * is told to treat them as others (ip-link(8), group_fwd_mask): it would take a forged sender from them, and the host whatever
 * packet is inside.
 */
export function bridgeSettings({ name, ipv6, shared }: Bridge): ReadonlyMap<string, string> {
  const ipv4 = '/proc/sys/net/ipv4';
  if (shared) {
    const forwarding6 = ['/proc/sys/net/ipv6/conf/all/forwarding', '1'] as const;
    return new Map([[`${ipv4}/ip_forward`, '1'], ...(ipv6 === undefined ? [] : [forwarding6])]);
  }
  return new Map([
    [`${ipv4}/ip_forward`, '1'],
    [`${ipv4}/conf/${name}/rp_filter`, '1'],
    [`${ipv4}/conf/${name}/accept_redirects`, '0'],
    [`${ipv4}/conf/${name}/send_redirects`, '0'],
    [`/sys/class/net/${name}/bridge/group_fwd_mask`, groups],
    ...(ipv6 === undefined
      ? []
      : ([
          ['/proc/sys/net/ipv6/conf/all/forwarding', '1'],
          [`/proc/sys/net/ipv6/conf/${name}/accept_ra`, '0'],
          [`/proc/sys/net/ipv6/conf/${name}/accept_redirects`, '0'],
        ] as const)),
  ]);
}

/**
 * Brings the settings in line; returns the paths it wrote, none when all were right. Settings are not taken back:
 * others may have come to need them.
 *
 * @throws Problem `link.setting` when one cannot be read or written
 */
export async function convergeSettings(settings: ReadonlyMap<string, string>, call: LinkCall): Promise<string[]> {
  const paths = [...settings.keys()];
  const read = await runInNetwork({ ...call, command: ['cat', ...paths] });
  if (read.code !== 0) throw failed('read', read.stderr);
  const found = read.stdout.split('\n');
  const wrong = paths.filter((path, index) => found[index]?.trim() !== settings.get(path));
  for (const path of wrong) {
    const input = `${settings.get(path)}\n`;
    const written = await runInNetwork({ ...call, command: ['tee', path], input });
    if (written.code !== 0) throw failed('write', written.stderr);
  }
  return wrong;
}

function failed(verb: string, stderr: string): Problem {
  return new Problem({
    code: 'link.setting',
    message: `Could not ${verb} a network setting of the kernel: ${stderr.split('\n')[0]?.trim()}`,
    hint: 'The bridge must exist, and coi must run as root.',
    retry: 'backoff',
  });
}
