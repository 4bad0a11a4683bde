import { canonicalAllowEntry } from '../../src/network/allow-entry.ts';
import { chooseEndpoint } from '../../src/network/endpoint.ts';
import type { Bridge, Endpoint, NetworkPolicy } from '../../src/network/policy.ts';
import type { NetworkRules } from '../../src/network/rules.ts';

/** How many addresses each allowlist names: as many as a project's registries and services take. */
const named = 10;

/** Allowlist of ten addresses and networks of both families, some with a port, different ones for each `index`. */
export function allowlist(index: number, ...more: readonly string[]): NetworkRules {
  const entry = (at: number) => {
    const [high, low] = [(index >> 8) & 255, index & 255];
    if (at % 4 === 0) return `198.51.${high}.${(low + at) & 255}`;
    if (at % 4 === 1) return `192.0.${2 + at}.${low & 0xf0}/28`;
    if (at % 4 === 2) return `198.51.${high}.${low}:${8_000 + at}`;
    return `2001:db8:${index.toString(16)}::${at}`;
  };
  const entries = [...Array.from({ length: named }, (_, at) => entry(at)), ...more];
  return {
    mode: 'allowlist',
    allowed: Object.fromEntries(entries.map((text) => [canonicalAllowEntry(text), true as const])),
    refreshMinutes: 30,
  };
}

/** Policies of a large host: every second sandbox restricted, the others with an allowlist each. */
export function manyPolicies(count: number, bridge: Bridge, taken: Iterable<Endpoint> = []): NetworkPolicy[] {
  const addresses = new Set([...taken].map(({ ipv4 }) => ipv4));
  return Array.from({ length: count }, (_, index): NetworkPolicy => {
    const uid = `01K${String(index).padStart(23, '0')}`;
    const endpoint = chooseEndpoint({ uid, bridge, taken: addresses });
    addresses.add(endpoint.ipv4);
    return { uid, endpoint, rules: index % 2 === 0 ? { mode: 'restricted' } : allowlist(index) };
  });
}
