import { systemClock } from '../../../src/base/clock.ts';
import { openFirewall } from '../../../src/host/nft/firewall.ts';
import type { NftFirewall } from '../../../src/host/nft/firewall.ts';
import type { FirewallHint } from '../../../src/host/nft/watch.ts';
import type { NetworkPolicy } from '../../../src/network/policy.ts';
import { renderRuleset } from '../../../src/network/ruleset.ts';
import type { Ruleset } from '../../../src/network/ruleset.ts';
import type { NetworkMode } from '../../../src/network/rules.ts';
import { bridge } from './world.ts';
import type { TestSandbox, World } from './world.ts';

/** Uids of test sandboxes: valid, different in their last sign. */
export const uids = ['01JABCDEFGHJKMNPQRSTVWXYZ0', '01JABCDEFGHJKMNPQRSTVWXYZ1', '01JABCDEFGHJKMNPQRSTVWXYZ2'] as const;

/** A firewall on the world's host. */
export function openOn(
  { host }: Pick<World, 'host'>,
  onDrift: (hint: FirewallHint) => void = () => undefined,
): Promise<NftFirewall> {
  return openFirewall({ clock: systemClock, signal: new AbortController().signal, namespace: host, onDrift });
}

export function rulesFor(mode: NetworkMode, ...sandboxes: readonly Pick<TestSandbox, 'uid' | 'endpoint'>[]): Ruleset {
  const policies = sandboxes.map(({ uid, endpoint }): NetworkPolicy => ({ uid, endpoint, rules: { mode } }));
  return renderRuleset({ bridge, policies });
}
