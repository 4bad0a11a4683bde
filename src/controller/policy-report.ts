import type { TimedMember } from '../host/nft/records.ts';
import { elementsOf, type PlacedElement } from '../network/elements.ts';
import { rulesInForce } from '../network/in-force.ts';
import type { Bridge, NetworkPolicy } from '../network/policy.ts';
import type { NetworkMode, NetworkRules } from '../network/rules.ts';
import { builtIn } from '../spec/defaults.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { InForce, NetworkSettingReport, PolicyReport } from './network-reports.ts';

/** What a policy is reported from. */
export interface PolicySubject {
  readonly name: string;
  readonly manifest: Manifest | undefined;
  readonly policy: NetworkPolicy | undefined;
  readonly bridge: Bridge;
  /** What the kernel holds; undefined where nothing is to be. */
  readonly held: { readonly elements: readonly PlacedElement[]; readonly timed: readonly TimedMember[] } | undefined;
}

/** What is in force for a sandbox, what is meant to be, and where each value comes from. */
export function reportPolicy({ name, manifest, policy, bridge, held }: PolicySubject): PolicyReport {
  const rules = held && rulesInForce(held.elements);
  return {
    name,
    ...(policy && { uid: policy.uid }),
    ...(rules && { in_force: inForce(rules, held.timed) }),
    differs: policy && held ? differencesBetween(elementsOf(policy, bridge), held.elements) : [],
    ...(manifest && { settings: settingsOf(manifest), file: manifest.position.file, line: manifest.position.line }),
  };
}

function inForce(rules: NetworkRules, timed: readonly TimedMember[]): InForce {
  const names = { allowlist: 'allowlist', restricted: 'bridge', open: 'bridge', none: 'nobody' } as const;
  return {
    mode: rules.mode,
    local_network: rules.localNetwork === true || rules.mode === 'open',
    metadata: rules.metadata === true || rules.mode === 'open',
    names: names[rules.mode],
    addresses: Object.keys(rules.allowed ?? {}).toSorted(),
    led_to: timed.map(({ key, expires = 0 }) => ({ destination: destinationOf(key), seconds: expires })),
  };
}

/** A timed element's key begins with the sandbox's own address. */
function destinationOf(key: string): string {
  const [, to = '', proto, port] = key.split(' . ');
  if (proto === undefined) return to;
  return `${to.includes(':') ? `[${to}]` : to}:${port}${proto === 'udp' ? '/udp' : ''}`;
}

function differencesBetween(meant: readonly PlacedElement[], held: readonly PlacedElement[]): string[] {
  const textOf = ({ set, key, value }: PlacedElement) => `${set} ${key}${value === undefined ? '' : ` : ${value}`}`;
  const wanted = new Set(meant.map(textOf));
  const loaded = new Set(held.map(textOf));
  return [
    ...[...wanted].filter((text) => !loaded.has(text)).map((text) => `missing: ${text}`),
    ...[...loaded].filter((text) => !wanted.has(text)).map((text) => `not meant: ${text}`),
  ];
}

const usedBy: Readonly<Record<string, readonly NetworkMode[]>> = {
  block_private_networks: ['restricted'],
  block_metadata_endpoint: ['restricted'],
  allow_local_network_access: ['restricted', 'allowlist'],
  allowed_domains: ['allowlist'],
  refresh_interval_minutes: ['allowlist'],
};

function settingsOf({ sandbox: { network, networkLog }, origins = {} }: Manifest): NetworkSettingReport[] {
  const usual: Readonly<Record<string, unknown>> = {
    mode: builtIn.network.mode,
    block_private_networks: true,
    block_metadata_endpoint: true,
    allow_local_network_access: false,
    allowed_domains: Object.keys(network.allowed ?? {}),
    refresh_interval_minutes: builtIn.network.refreshMinutes,
    'logging.enabled': true,
    'logging.path': networkLog?.path ?? 'log/network.log in the state directory',
  };
  return Object.entries(usual).map(([key, value]) => {
    const origin = origins[key];
    const used = usedBy[key]?.includes(network.mode) ?? (key !== 'logging.path' || networkLog?.enabled !== false);
    if (!origin) return { key, value, from: 'built-in', used };
    const { file, line } = origin.position;
    return { key, value: origin.value, from: origin.from, file, ...(line !== undefined && { line }), used };
  });
}
