/** The lab's bridge and its addresses: IPv4 by DHCP, IPv6 by SLAAC, and no rules of Incus' own. */
export const bridge = {
  name: 'coibr0',
  ipv4: { gateway: '10.90.0.1', prefix: '10.90.0.0/16' },
  ipv6: { gateway: 'fd42:90::1', prefix: 'fd42:90::/64' },
} as const;

/** What `incus admin init --preseed` sets up; JSON is YAML too. */
export const preseed = JSON.stringify({
  storage_pools: [{ name: 'default', driver: 'btrfs', config: { size: '20GiB' } }],
  networks: [
    {
      name: bridge.name,
      type: 'bridge',
      config: {
        'ipv4.address': `${bridge.ipv4.gateway}/16`,
        'ipv4.nat': 'false',
        'ipv4.firewall': 'false',
        'ipv6.address': `${bridge.ipv6.gateway}/64`,
        'ipv6.nat': 'false',
        'ipv6.firewall': 'false',
      },
    },
  ],
  profiles: [{ name: 'default', devices: { root: { type: 'disk', path: '/', pool: 'default' } } }],
});
