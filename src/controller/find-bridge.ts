import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Bridge } from '../network/policy.ts';

/**
 * The bridge that all sandboxes sit on, as Incus keeps it.
 *
 * With Incus' own NAT and firewall off it is coi's own: rules of coi do both, in one transaction, for everything on it. With one
 * of them on, or with `user.coi.shared=true`, it is shared: coi then judges sandboxes alone and leaves the rest to Incus.
 *
 * @throws {Problem} `bridge.missing`, `bridge.unsuitable` with the command that makes it right
 */
export async function findBridge(
  { networks }: Pick<Incus, 'networks'>,
  name: string,
  signal: AbortSignal,
): Promise<Bridge> {
  const { type, config } = await getNetwork(networks, name, signal);
  if (type === 'ovn') {
    throw new Problem({
      code: 'bridge.unproven',
      message: `The Incus network "${name}" is one of OVN, whose packets coi's tables do not see`,
      hint:
        'ACLs alone cannot tell who sent a packet, nor hold while they are changed: sandboxes need a bridge. ' +
        'Make one with deploy/quickstart.',
    });
  }
  const ipv4 = config['ipv4.address'];
  if (type !== 'bridge' || !ipv4 || ipv4 === 'none') {
    throw new Problem({
      code: 'bridge.unsuitable',
      message: `The Incus network "${name}" is not a bridge with an IPv4 address`,
      hint: `Make another one with deploy/quickstart, or name it in /etc/coi/config.toml: [controller] bridge = "…"`,
    });
  }
  const shared = isShared(config) ? ({ shared: true } as const) : {};
  const ipv6 = config['ipv6.address'];
  return ipv6 && ipv6 !== 'none' ? { name, ipv4, ipv6, ...shared } : { name, ipv4, ...shared };
}

/** Whether Incus keeps rules of its own there, for other containers, or somebody says so. */
function isShared(config: Readonly<Record<string, string>>): boolean {
  if (config['user.coi.shared'] === 'true') return true;
  return ['ipv4.nat', 'ipv6.nat', 'ipv4.firewall', 'ipv6.firewall'].some((key) => isOn(config, key));
}

/** Firewall rules are on unless switched off, NAT is off unless switched on. See Incus documentation, "Bridge network". */
function isOn(config: Readonly<Record<string, string>>, key: string): boolean {
  const value = config[key] ?? '';
  if (key.endsWith('.firewall')) return value !== 'false';
  return value === 'true';
}

async function getNetwork(networks: Incus['networks'], name: string, signal: AbortSignal) {
  try {
    return (await networks.get(name, { signal })).value;
  } catch (error) {
    if (!isIncusError(error, 'gone')) throw error;
    throw new Problem({
      code: 'bridge.missing',
      message: `There is no Incus network "${name}"`,
      hint: 'Make it with deploy/quickstart, or name another one in /etc/coi/config.toml: [controller] bridge = "…"',
      cause: error,
    });
  }
}
