import type { Reservations } from '../apply/reservations.ts';
import type { Elements } from '../network/elements.ts';
import type { Bridge, NetworkPolicy } from '../network/policy.ts';
import type { InstanceCache, SeenInstance } from '../observe/instances.ts';
import { endpointOf } from '../observe/owned.ts';
import { activeOverrides, type Override } from '../plan/override.ts';
import { policyRules } from '../plan/rules.ts';
import { strayEra } from '../plan/stamp.ts';
import { watchedFlows, type WatchedFlows } from '../plan/watched-flows.ts';
import type { Desired } from '../plan/world.ts';

/** What decides the policy of a sandbox. */
export interface PolicyInputs {
  readonly instances: InstanceCache;
  readonly reservations: Reservations;
  readonly bridge: Bridge;
  readonly desired: (sandbox: string) => Desired;
  readonly overrides: (sandbox: string) => readonly Override[];
  /** What the tables hold, as far as that is known. */
  readonly elements?: () => Elements | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * The policy of one instance of ours: what its manifest says now, what was last applied while no manifest is known, and
 * nothing at all in quarantine. Undefined for instances that are not ours.
 */
export function policyOf(inputs: PolicyInputs, { instance, owner }: SeenInstance): NetworkPolicy | undefined {
  if (owner.kind !== 'owned') return undefined;
  const { stamp } = owner;
  const endpoint = endpointOf(stamp, inputs.bridge);
  if (!endpoint || !stamp.applied) return undefined;
  const overrides = activeOverrides(inputs.overrides(stamp.name), undefined, inputs.now());
  const isStray = strayEra(instance.config, stamp) !== undefined;
  const desired = inputs.desired(stamp.name);
  const rules = policyRules(stamp.applied.network, { desired, overrides, isStray });
  const watch = desired.kind === 'declared' ? watchedFlows(desired.manifest.sandbox) : loadedWatch(inputs, stamp.uid);
  return { uid: stamp.uid, endpoint, rules, ...watch };
}

/** How it is watched stays as it is while no manifest is known; as usual where that cannot be seen. */
function loadedWatch({ elements }: PolicyInputs, uid: string): WatchedFlows {
  const loaded = elements?.();
  if (!loaded) return watchedFlows({});
  const perSecond = Number(loaded.get('inet flow')?.get(uid)?.value);
  return perSecond > 0 ? { watched: perSecond } : {};
}

/** The policies of everything that exists or is about to: all that the tables may hold. */
export function allPolicies(inputs: PolicyInputs): NetworkPolicy[] {
  const policies = new Map<string, NetworkPolicy>();
  for (const [name, { network, ...place }] of inputs.reservations.named()) {
    if (!isSpare(inputs, name, place.uid)) policies.set(place.uid, { ...place, rules: network });
  }
  for (const seen of inputs.instances.all()) {
    const policy = policyOf(inputs, seen);
    if (policy) policies.set(policy.uid, policy);
  }
  return [...policies.values()];
}

/** Made while an instance was taken for gone that is there after all: kept for its successor, without rules until then. */
function isSpare({ instances }: PolicyInputs, sandbox: string, uid: string): boolean {
  return instances
    .ofSandbox(sandbox)
    .some(({ owner }) => owner.kind === 'owned' && !owner.isTombstone && owner.stamp.uid !== uid);
}
