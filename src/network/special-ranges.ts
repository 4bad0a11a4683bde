/**
 * Ranges that are private, local to a link or a host, or reach such ranges through a translation; the mode `restricted`
 * blocks them. Documentation ranges are left out: nothing private hides behind them.
 * @see IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890)
 */
export const specialRanges4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const;

/** The IPv6 side of {@link specialRanges4}: mapped, translated (NAT64), tunnelled (Teredo, 6to4), local, multicast. */
export const specialRanges6 = [
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
] as const;
