import { canonicalAllowEntry } from './allow-entry.ts';
import type { PlacedElement } from './elements.ts';
import { networkModes, type NetworkRules } from './rules.ts';

/**
 * The rules that a sandbox's elements in the tables amount to. Names are not in the tables; undefined when the elements
 * name no mode, or both families different ones: then something is missing, and nothing can be said.
 */
export function rulesInForce(elements: readonly PlacedElement[]): NetworkRules | undefined {
  const chains = new Set(
    elements.flatMap(({ set, value }) => (set === 'inet mode4' || set === 'inet mode6' ? [value ?? ''] : [])),
  );
  const [chain = ''] = chains;
  const [mode, ...variant] = chain.replace('goto ', '').split('_');
  const known = networkModes.find((each) => each === mode);
  if (!known || chains.size !== 1) return undefined;
  return {
    mode: known,
    ...(variant.includes('lan') && { localNetwork: true }),
    ...(variant.includes('meta') && { metadata: true }),
    ...(known === 'allowlist' && { allowed: Object.fromEntries(elements.flatMap(literalOf)) }),
  };
}

function literalOf({ set, key }: PlacedElement): [string, true][] {
  if (!/^inet (?:host|net)(?:port)?[46]$/.test(set)) return [];
  const [, prefix = '', proto, port] = key.split(' . ');
  if (proto === undefined) return [[canonicalAllowEntry(prefix), true]];
  const host = prefix.includes(':') ? `[${prefix}]` : prefix;
  return [[canonicalAllowEntry(`${host}:${port}${proto === 'udp' ? '/udp' : ''}`), true]];
}
