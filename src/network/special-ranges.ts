import { contains, parsePrefix } from './address.ts';
import type { Address, Prefix } from './address.ts';

/**
 * Ranges that are local to a host or a link, that lead to such ranges through a translation, or that are nobody's: no
 * mode but `open` reaches them. Documentation ranges are left out: nothing private hides behind them.
 * @see IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890)
 */
export const specialRanges = {
  4: ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '198.18.0.0/15', '224.0.0.0/4', '240.0.0.0/4'],
  6: [
    '::/96',
    '::ffff:0:0/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001::/32',
    '2002::/16',
    'fe80::/10',
    'fec0::/10',
    'ff00::/8',
  ],
} as const;

/** Ranges that the hosts of a local network have; reached where the local network may be reached. */
export const privateRanges = {
  4: ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16'],
  6: ['fc00::/7'],
} as const;

/** Where clouds keep the service that hands out a machine's credentials; inside ranges of both kinds. */
export const metadataAddresses = {
  4: ['100.100.100.200', '169.254.169.254', '169.254.170.2', '192.0.0.192'],
  6: ['fd00:ec2::23', 'fd00:ec2::254', 'fd20:ce::254'],
} as const;

const parsed = (texts: readonly string[]) => texts.map((text) => parsePrefix(text)!);

/** {@link specialRanges} and {@link metadataAddresses} as prefixes. */
export const specialPrefixes: readonly Prefix[] = parsed([
  ...specialRanges[4],
  ...specialRanges[6],
  ...metadataAddresses[4],
  ...metadataAddresses[6],
]);
/** {@link privateRanges} as prefixes. */
export const privatePrefixes: readonly Prefix[] = parsed([...privateRanges[4], ...privateRanges[6]]);
const metadataPrefixes = parsed([...metadataAddresses[4], ...metadataAddresses[6]]);

/** Whether an address or prefix belongs to local networks, the metadata service left out. */
export function isPrivate(range: Address | Prefix): boolean {
  const holdsMetadata = metadataPrefixes.some((metadata) => contains(metadata, range));
  return !holdsMetadata && privatePrefixes.some((prefix) => contains(prefix, range));
}

/** Whether an address is one that no allowlist leads to: see {@link specialPrefixes}. */
export function isSpecial(address: Address): boolean {
  return specialPrefixes.some((prefix) => contains(prefix, address));
}
