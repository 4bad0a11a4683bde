import type { NetworkMode } from '../spec/sandbox.ts';
import type { Step } from './step.ts';
import { stepOn } from './steps.ts';
import type { OwnedInstance, World } from './world.ts';

/** Rules of an instance are put right whatever else holds: also while nothing is known about its manifest. */
export function repairRules({ instance }: World): Step[] {
  if (instance?.rules !== 'drifted' || !instance.endpoint || !instance.stamp.applied) return [];
  return [rulesStep(instance, instance.stamp.applied.network)];
}

/** The step that loads an instance's rules. */
export function rulesStep(instance: OwnedInstance, network: NetworkMode): Step {
  const endpoint = instance.endpoint!;
  const action = { kind: 'rules', uid: instance.stamp.uid, endpoint, network } as const;
  return stepOn(instance, action, { why: 'its network rules are not as they should be', security: true });
}
