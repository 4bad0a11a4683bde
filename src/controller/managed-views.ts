import type { Reservations } from '../apply/reservations.ts';
import type { Bridge } from '../network/policy.ts';
import type { InstanceCache } from '../observe/instances.ts';
import { desiredView, type Placement } from '../plan/render-instance.ts';
import { liveView, normaliseView, type View } from '../plan/view.ts';
import type { World } from '../plan/world.ts';
import type { Manifest } from '../spec/sandbox.ts';

/** Where views are put together from. */
export interface ManagedViewsInit {
  readonly instances: InstanceCache;
  readonly reservations: Reservations;
  readonly bridge: Bridge;
  readonly placement: Placement;
}

/** The part of an instance that coi manages, for people and for the stamp. */
export class ManagedViews {
  readonly #init: ManagedViewsInit;

  constructor(init: ManagedViewsInit) {
    this.#init = init;
  }

  /** A declared sandbox's instance as it is now; what a plan's patch applies to. Undefined where there is none. */
  live({ desired, instance }: World): View | undefined {
    if (desired.kind !== 'declared' || !instance?.endpoint) return undefined;
    const { endpoint, stamp } = instance;
    const view = desiredView(desired.manifest.sandbox, { uid: stamp.uid, endpoint }, this.#init.placement);
    return normaliseView(liveView(instance, view, instance.stamp.applied));
  }

  /** A uid and the view that adopting an instance stamps on it: nothing of it was ever applied but its place. */
  adopted({ name, sandbox }: Manifest): { uid: string; applied: View } {
    const { instances, reservations, bridge, placement } = this.#init;
    const taken = instances.addresses();
    const { uid, endpoint } = reservations.reserve(name, { bridge, taken, network: sandbox.network });
    const desired = desiredView(sandbox, { uid, endpoint }, placement);
    reservations.release(uid);
    return { uid, applied: { ...desired, config: {}, devices: { eth0: desired.devices['eth0'] ?? {} } } };
  }
}
