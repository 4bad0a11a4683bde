import { z } from 'zod';
import { parseAllowEntry } from '../../network/allow-entry.ts';
import { builtIn } from '../defaults.ts';
import { networkModes } from '../../network/rules.ts';
import { field } from './field.ts';
import { homePath, homePathAllowed } from './formats.ts';

const allowEntry = z
  .string()
  .superRefine((text, context) => {
    const entry = parseAllowEntry(text);
    if (typeof entry === 'string') context.addIssue({ code: 'custom', message: entry });
  })
  // Of what is checked above JSON Schema sees nothing: this much it can say itself.
  .meta({
    minLength: 1,
    allowed: 'a name, an address or a prefix such as "example.com", "*.example.com:22" or "203.0.113.0/24"',
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
      enabled: field(z.boolean(), {
        description: 'Whether refused connections and names are written to a log, as JSON Lines.',
        default: true,
      }),
      path: field(homePath, {
        description:
          'Where that log is. A file of its own must be in a directory that exists and is not reached through a symbolic ' +
          'link; it belongs to the owner of that directory.',
        default: '`log/network.log` in the state directory, for all sandboxes of the host',
        allowed: homePathAllowed,
      }),
    }),
    { description: 'Log of refused connections.' },
  ),
});
