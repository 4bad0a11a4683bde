import type { NetworkRules } from '../../src/network/rules.ts';

/** Every mode with every setting that changes what it means, each once. */
export function ruleVariants(allowed: NonNullable<NetworkRules['allowed']>): readonly NetworkRules[] {
  return [
    { mode: 'none' },
    { mode: 'open' },
    { mode: 'restricted' },
    { mode: 'restricted', localNetwork: true },
    { mode: 'restricted', metadata: true },
    { mode: 'restricted', localNetwork: true, metadata: true },
    { mode: 'allowlist', allowed },
    { mode: 'allowlist', allowed, localNetwork: true },
  ];
}
