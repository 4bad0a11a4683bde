import type { Sandbox } from '../spec/sandbox.ts';
import { holdsState } from './session-stamp.ts';
import type { Stamp } from './stamp.ts';
import type { Step } from './step.ts';
import { stepOn } from './steps.ts';
import type { OwnedInstance, World } from './world.ts';

/**
 * Before anything else about an instance that was put back to a snapshot, and its stamp with it. What was carried out last is
 * left as it stands there, so that everything since is carried out again as a change of the manifest.
 */
export function restampSteps({ instance, desired, now }: World): Step[] {
  if (instance?.strayEra === undefined) return [];
  const manifest = desired.kind === 'declared' ? desired.manifest : undefined;
  const isStopped = instance.power === 'stopped';
  // Where no manifest is known now, nobody can tell once there is one again.
  const isOutdated = manifest?.hash !== instance.stamp.hash;
  const stamp: Partial<Stamp> = {
    era: instance.strayEra,
    // What runs was started with what was declared then.
    intent: isOutdated && !isStopped ? { kind: 'restart', at: now } : undefined,
    ...appliedNow(instance, manifest?.sandbox),
    ...(isStopped ? savedNow(instance, now) : { started: instance.startedAt }),
  };
  const why = 'it was put back to a snapshot, and its stamp with it';
  return [stepOn(instance, { kind: 'restamp', stamp, isStopped }, { why, security: true })];
}

/** What holds while no manifest is known is what one says now; without one, nothing of what was allowed then. */
function appliedNow(
  { stamp: { applied } }: OwnedInstance,
  sandbox: Pick<Sandbox, 'network' | 'policy'> | undefined,
): Pick<Partial<Stamp>, 'applied'> {
  if (!applied) return {};
  const network = sandbox?.network ?? { mode: 'none' };
  return { applied: { ...applied, network, deletion: sandbox?.policy.deletion ?? applied.deletion } };
}

/** Nothing has run in it since: saving it would put what is older in the place of the only copy of what is newer. */
function savedNow({ stamp }: OwnedInstance, now: number): Pick<Partial<Stamp>, 'saved'> {
  return holdsState(stamp) ? { saved: now } : {};
}
