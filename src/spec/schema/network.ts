import { z } from 'zod';
import { builtIn } from '../defaults.ts';
import { networkModes } from '../sandbox.ts';
import { field, later } from './field.ts';

/** What a sandbox may reach. */
export const networkSection = z.strictObject({
  mode: field(z.enum(networkModes), {
    description:
      '`restricted`: the internet, but no private or special addresses, no host services beyond DHCP and DNS, and no ' +
      'other sandbox. `open`: everything but other sandboxes and the services of this host. `none`: nothing. `allowlist`: only `allowed_domains`.',
    default: builtIn.networkMode,
    unbuilt: ['allowlist'],
  }),
  block_private_networks: later(z.boolean(), {
    description: 'Whether mode `restricted` blocks private ranges.',
    default: true,
  }),
  block_metadata_endpoint: later(z.boolean(), {
    description: 'Whether mode `restricted` blocks the cloud metadata address 169.254.169.254.',
    default: true,
  }),
  allowed_domains: later(z.array(z.string()), {
    description: 'What mode `allowlist` lets through: domain names or addresses. A higher layer replaces the list.',
    default: [],
  }),
  refresh_interval_minutes: later(z.int().min(0), {
    description: 'How often allowed names are looked up again; 0 means never.',
    unit: 'minutes',
    default: 30,
  }),
  allow_local_network_access: later(z.boolean(), {
    description: 'Whether private ranges of the local network may be reached.',
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
