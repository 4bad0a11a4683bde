import type { Family } from './address.ts';
import { webPorts } from './allow-entry.ts';

/** A rule for either family: `ip` and `4` stand for what IPv6 has under other names. */
export function both(rule: (ip: 'ip' | 'ip6', family: Family) => string): string {
  return `${rule('ip', 4)}\n\t\t${rule('ip6', 6)}`;
}

/** Parts of a concatenation have to have a type, which `ct original proto-dst` has not: ports are matched on their own. */
export const webPortsOnly = Object.entries(Object.groupBy(webPorts, ({ proto }) => proto)).map(
  ([proto, ports]) => `meta l4proto ${proto} ct original proto-dst { ${ports.map(({ port }) => port).join(', ')} }`,
);

/** Rules that send flows to addresses of a set, on the web's ports, to a chain, in both directions of the flow. */
export function toListedWeb(set: 'host' | 'net' | 'web', verdict: string): string {
  const named = (ip: 'ip' | 'ip6') => `ct original ${ip} saddr . ct original ${ip} daddr`;
  return webPortsOnly
    .map((ports) => both((ip, family) => `${ports} ${named(ip)} @${set}${family} ${verdict}`))
    .join('\n\t\t');
}

/** The same for sets that name ports, too. */
export function toListedPorts(set: 'hostport' | 'netport' | 'port', verdict: string): string {
  return both(
    (
      ip,
      family,
    ) => `ct direction original ${ip} saddr . ${ip} daddr . meta l4proto . th dport @${set}${family} ${verdict}
		ct direction reply ${ip} daddr . ${ip} saddr . meta l4proto . th sport @${set}${family} ${verdict}`,
  );
}
