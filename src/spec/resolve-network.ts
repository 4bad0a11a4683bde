import { canonicalAllowEntry } from '../network/allow-entry.ts';
import { usualDomains } from './agent-hosts.ts';
import { builtIn } from './defaults.ts';
import type { NetworkRules } from '../network/rules.ts';
import type { SandboxLayer } from './schema/sandbox.ts';

/** What the section `network` means: keys that the mode takes no note of are left out. */
export function resolveNetwork(section: SandboxLayer['network'] = {}): NetworkRules {
  const { mode = builtIn.network.mode, allow_local_network_access: isLocal = false } = section;
  const local = isLocal ? ({ localNetwork: true } as const) : {};
  if (mode === 'allowlist') {
    const entries = (section.allowed_domains ?? usualDomains()).map(canonicalAllowEntry).toSorted();
    return {
      mode,
      ...local,
      allowed: Object.fromEntries(entries.map((entry) => [entry, true])),
      refreshMinutes: section.refresh_interval_minutes ?? builtIn.network.refreshMinutes,
    };
  }
  if (mode !== 'restricted') return { mode };
  const isPrivateOpen = isLocal || section.block_private_networks === false;
  return {
    mode,
    ...(isPrivateOpen && { localNetwork: true }),
    ...(section.block_metadata_endpoint === false && { metadata: true }),
  };
}
