import { z } from 'zod';
import { parseAllowEntry } from '../../network/allow-entry.ts';
import { builtIn } from '../defaults.ts';
import { networkModes } from '../../network/rules.ts';
import { field, later } from './field.ts';

const allowEntry = z.string().refine((text) => typeof parseAllowEntry(text) !== 'string', {
  error: ({ input }) => String(parseAllowEntry(String(input))),
});

/** What a sandbox may reach. */
export const networkSection = z.strictObject({
  mode: field(z.enum(networkModes), {
    description:
      '`restricted`: the internet, but no private or special addresses, no host services beyond DHCP and DNS, and no ' +
      'other sandbox. `allowlist`: only `allowed_domains`. `open`: everything but other sandboxes and the services of ' +
      'this host. `none`: nothing.',
    default: builtIn.network.mode,
  }),
  block_private_networks: field(z.boolean(), {
    description: 'Whether mode `restricted` blocks private ranges (10/8, 100.64/10, 172.16/12, 192.168/16, fc00::/7).',
    default: true,
  }),
  block_metadata_endpoint: field(z.boolean(), {
    description: 'Whether mode `restricted` blocks the cloud metadata service, 169.254.169.254 and its like.',
    default: true,
  }),
  allowed_domains: field(z.array(allowEntry), {
    description:
      'What mode `allowlist` lets through: a name, `*.` and a name for all names below it, an address or a prefix. ' +
      'Each opens the ports of the web (TCP 80 and 443, UDP 443), or with `:PORT` that TCP port, with `:PORT/udp` that UDP port, ' +
      'alone. A higher layer replaces the list. An empty list is refused: that is mode `none`.',
    default: 'the hosts that agents need, and the package registries this host is configured to use',
    allowed: 'entries such as "api.example.com", "*.example.com", "203.0.113.7", "2001:db8::/32" or "example.com:22"',
  }),
  refresh_interval_minutes: field(z.int().min(0), {
    description: 'How often allowed names are looked up again without being asked for; 0 means never.',
    unit: 'minutes',
    default: builtIn.network.refreshMinutes,
  }),
  allow_local_network_access: field(z.boolean(), {
    description: 'Whether the private ranges of the local network may be reached, too.',
    default: false,
  }),
  logging: field(
    z.strictObject({
      enabled: later(z.boolean(), { description: 'Whether refused connections are written to a log.', default: true }),
      path: later(z.string(), { description: 'Where that log is.', default: '~/.coi/logs/network.log' }),
    }),
    { description: 'Log of refused connections.' },
  ),
});
