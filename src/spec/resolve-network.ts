import { canonicalAllowEntry } from '../network/allow-entry.ts';
import { usualDomains } from './agent-hosts.ts';
import { builtIn } from './defaults.ts';
import type { NetworkRules } from '../network/rules.ts';
import { expandHome } from './expand-home.ts';
import type { Sandbox } from './sandbox.ts';
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

/** What the section says about the log of refused connections. Only what differs from the usual is kept. */
export function resolveNetworkLog(
  { logging = {} }: NonNullable<SandboxLayer['network']> = {},
  home: string,
): Pick<Sandbox, 'networkLog'> {
  const { enabled = true, path } = logging;
  if (!enabled) return { networkLog: { enabled: false } };
  return path === undefined ? {} : { networkLog: { path: expandHome(path, home) } };
}
