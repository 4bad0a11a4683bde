import type { NetworkRules } from '../network/rules.ts';
import { activeOverrides, type Override } from './override.ts';
import type { Step } from './step.ts';
import { stepOn } from './steps.ts';
import { watchOf, type WatchedFlows } from './watched-flows.ts';
import type { Desired, OwnedInstance, World } from './world.ts';

/** Rules of an instance are put right whatever else holds: also while nothing is known about its manifest. */
export function repairRules({ instance, desired, overrides: all, now }: World): Step[] {
  const overrides = activeOverrides(all, undefined, now);
  if (instance?.rules !== 'drifted' || !instance.endpoint || !instance.stamp.applied) return [];
  return [
    rulesStep(
      instance,
      policyRules(instance.stamp.applied.network, { desired, overrides, isStray: instance.strayEra !== undefined }),
      watchOf(instance),
    ),
  ];
}

/** What decides how an instance may use the network. */
export interface RulesInputs {
  readonly desired: Desired;
  readonly overrides: readonly Override[];
  /** Whether what was applied is what somebody put back from a snapshot, and no longer what counts. */
  readonly isStray: boolean;
}

/**
 * The rules an instance is to have: none in quarantine, else the manifest's, or what was applied while none is known; nothing
 * where what was applied is not known either.
 */
export function policyRules(applied: NetworkRules, { desired, overrides, isStray }: RulesInputs): NetworkRules {
  if (overrides.some(({ kind }) => kind === 'quarantine')) return { mode: 'none' };
  if (desired.kind === 'declared') return desired.manifest.sandbox.network;
  return isStray ? { mode: 'none' } : applied;
}

function rulesStep(instance: OwnedInstance, network: NetworkRules, watch: WatchedFlows): Step {
  const endpoint = instance.endpoint!;
  const action = { kind: 'rules', uid: instance.stamp.uid, endpoint, network, ...watch } as const;
  return stepOn(instance, action, { why: 'its network rules are not as they should be', security: true });
}
