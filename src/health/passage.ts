import { verdictOf, type Probe } from '../host/neighbours/iptables-verdict.ts';
import type { Iptables } from '../host/neighbours/iptables.ts';
import { marks } from '../network/marks.ts';
import type { Bridge } from '../network/policy.ts';
import { resolverPort } from '../network/resolvers.ts';

/** A kind of packet of sandboxes that another firewall drops, and by what. */
export interface Obstruction {
  readonly what: string;
  readonly program: string;
  readonly by: string;
}

interface Passage {
  readonly what: string;
  readonly chain: 'FORWARD' | 'INPUT';
  readonly probe: Probe;
}

/** Stands for any link that is not the bridge. */
const elsewhere = 'uplink0';

function passages(bridge: Bridge): readonly Passage[] {
  const { name } = bridge;
  const out = { in: name, out: elsewhere, mark: marks.identity | marks.passed, state: 'NEW', to: 'UNICAST' } as const;
  const back = { in: elsewhere, out: name, mark: 0, state: 'ESTABLISHED', to: 'UNICAST' } as const;
  const host = { in: name, mark: marks.identity | marks.passed, state: 'NEW', to: 'LOCAL' } as const;
  return [
    { what: 'what sandboxes send', chain: 'FORWARD', probe: out },
    { what: 'answers to sandboxes', chain: 'FORWARD', probe: back },
    { what: 'DHCP', chain: 'INPUT', probe: { ...host, proto: 'udp', port: 67, to: 'BROADCAST' } },
    { what: 'DNS', chain: 'INPUT', probe: { ...host, proto: 'udp', port: 53 } },
    { what: 'DNS of allowlists', chain: 'INPUT', probe: { ...host, proto: 'udp', port: resolverPort } },
  ];
}

/** Which packets of sandboxes the rules of an iptables program drop. */
export function obstructions(
  { tables, program, family }: Iptables,
  bridge: Bridge,
  chain: Passage['chain'],
): Obstruction[] {
  const filter = tables.get('filter');
  if (!filter || (family === 6 && bridge.ipv6 === undefined)) return [];
  return passages(bridge).flatMap(({ what, chain: hook, probe }) => {
    // DHCP is there for IPv4 alone.
    if (hook !== chain || (family === 6 && what === 'DHCP')) return [];
    const { accepted, by } = verdictOf(filter, hook, probe);
    return accepted ? [] : [{ what, program, by }];
  });
}

/** Whether one of the chains exists. */
export function hasChain({ tables }: Iptables, name: string): boolean {
  return tables.get('filter')?.has(name) ?? false;
}

/** Rules that let sandboxes' packets through a chain of iptables: by coi's own mark, and answers. */
export function acceptRules(chain: string, bridge: string): string[] {
  const mark = `0x${marks.passed.toString(16)}`;
  return [
    `${chain} -i ${bridge} -m mark --mark ${mark}/${mark} -j ACCEPT`,
    `${chain} -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ];
}

/** What is dropped, and by which rule of which program, for people. */
export function describe(found: readonly Obstruction[]): string {
  return found.map(({ what, program, by }) => `${what} (${program}: ${by})`).join('; ');
}
