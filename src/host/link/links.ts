import { Problem } from '../../base/problem.ts';
import { isPortName } from '../../network/endpoint.ts';
import { runInNetwork } from './in-network.ts';
import type { NetworkScope } from './in-network.ts';

/** A network interface of the host. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mac: string | undefined;
  /** Kind of virtual link (`veth`, `bridge`, …); undefined for hardware and loopback. */
  readonly kind: string | undefined;
  /** Name of the bridge or other link it is a port of. */
  readonly master: string | undefined;
  readonly isUp: boolean;
  /** On ports of a bridge: whether it can reach no other isolated port. */
  readonly isIsolated: boolean;
}

/** What a call takes besides its subject. */
export interface LinkCall extends NetworkScope {
  readonly signal?: AbortSignal | undefined;
}

interface LinkJson {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address?: string;
  readonly master?: string;
  readonly flags?: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string; readonly info_slave_data?: { readonly isolated?: boolean } };
}

/**
 * All interfaces. See ip-link(8).
 *
 * @throws Problem `link.failed`
 */
export async function listLinks(call: LinkCall): Promise<Link[]> {
  const { code, stdout, stderr } = await runInNetwork({ ...call, command: ['ip', '-j', '-d', 'link', 'show'] });
  if (code !== 0) throw failed('list network interfaces', stderr);
  return (JSON.parse(stdout || '[]') as LinkJson[]).map(readLink);
}

function readLink({ ifindex, ifname, address, master, flags, linkinfo }: LinkJson): Link {
  return {
    index: ifindex,
    name: ifname,
    mac: address,
    kind: linkinfo?.info_kind,
    master,
    isUp: flags?.includes('UP') ?? false,
    isIsolated: linkinfo?.info_slave_data?.isolated ?? false,
  };
}

/**
 * Links that a crash may have left: veths with a name that only we make, whose sandbox nobody knows. The caller
 * waits until one has been in this list for a minute, because a sandbox on its way has its link before its first listing.
 */
export function orphanCandidates(links: readonly Link[], knownPorts: ReadonlySet<string>): Link[] {
  return links.filter(({ name, kind }) => kind === 'veth' && isPortName(name) && !knownPorts.has(name));
}

/**
 * Deletes a sandbox's link; false when it is gone already or the name now belongs to another link.
 *
 * @throws Problem `link.foreign` for a link that coi cannot have made, `link.failed`
 */
export async function deleteLink({ name, index }: Pick<Link, 'name' | 'index'>, call: LinkCall): Promise<boolean> {
  const current = (await listLinks(call)).find((link) => link.index === index && link.name === name);
  if (!current) return false;
  if (!isPortName(name) || current.kind !== 'veth') {
    throw new Problem({
      code: 'link.foreign',
      message: `The network interface ${name} is not one that coi made`,
      hint: 'Nothing was deleted. Remove it by hand if it should go.',
    });
  }
  const { code, stderr } = await runInNetwork({ ...call, command: ['ip', 'link', 'delete', 'dev', name] });
  if (code === 0) return true;
  if (stderr.includes('Cannot find device')) return false;
  throw failed(`delete the network interface ${name}`, stderr);
}

function failed(what: string, stderr: string): Problem {
  return new Problem({
    code: 'link.failed',
    message: `Could not ${what}: ${stderr.split('\n')[0]?.trim()}`,
    hint: 'Run coi as root, or give it the capability CAP_NET_ADMIN.',
    retry: 'backoff',
  });
}
