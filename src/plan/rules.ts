import type { NetworkMode } from '../spec/sandbox.ts';
import { activeOverrides, type Override } from './override.ts';
import type { Step } from './step.ts';
import { stepOn } from './steps.ts';
import type { Desired, OwnedInstance, World } from './world.ts';

/** Rules of an instance are put right whatever else holds: also while nothing is known about its manifest. */
export function repairRules({ instance, desired, overrides: all, now }: World): Step[] {
  const overrides = activeOverrides(all, undefined, now);
  if (instance?.rules !== 'drifted' || !instance.endpoint || !instance.stamp.applied) return [];
  return [rulesStep(instance, policyMode(instance.stamp.applied.network, { desired, overrides }))];
}

/** What decides how an instance may use the network. */
export interface ModeInputs {
  readonly desired: Desired;
  readonly overrides: readonly Override[];
}

/** The mode an instance's rules are to have: none in quarantine, else the manifest's, or what was applied while none is known. */
export function policyMode(applied: NetworkMode, { desired, overrides }: ModeInputs): NetworkMode {
  if (overrides.some(({ kind }) => kind === 'quarantine')) return 'none';
  return desired.kind === 'declared' ? desired.manifest.sandbox.network.mode : applied;
}

function rulesStep(instance: OwnedInstance, network: NetworkMode): Step {
  const endpoint = instance.endpoint!;
  const action = { kind: 'rules', uid: instance.stamp.uid, endpoint, network } as const;
  return stepOn(instance, action, { why: 'its network rules are not as they should be', security: true });
}
