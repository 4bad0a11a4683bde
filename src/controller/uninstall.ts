import type { Hands } from '../apply/hands.ts';
import { runStep } from '../apply/run-step.ts';
import { removeBlockPolicies } from '../host/xfrm/xfrm.ts';
import type { InstanceCache } from '../observe/instances.ts';
import { teardown } from '../plan/teardown.ts';
import type { WorldBuilder } from './world-builder.ts';

/** More steps than any teardown has. */
const mostSteps = 20;

/** What uninstalling needs of a controller that does not run. */
export interface Uninstalled {
  readonly hands: Hands;
  readonly instances: InstanceCache;
  readonly worlds: WorldBuilder;
}

/**
 * Take everything of coi off this host's Incus and kernel: every sandbox whatever declares it, then the tables, then the
 * block policies. Manifests, state and what is not coi's stay.
 *
 * @param onRemoved called after each sandbox
 * @throws {Problem} at the first sandbox that cannot be removed; its rules, and those of the others, are then still loaded
 */
export async function uninstall(
  { hands, instances, worlds }: Uninstalled,
  onRemoved: (sandbox: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await instances.relist(hands.clock.now(), signal);
  const names = [...instances.all()].flatMap(({ owner }) => (owner.kind === 'owned' ? [owner.stamp.name] : []));
  for (const sandbox of new Set(names)) {
    for (let count = 0; count < mostSteps; count += 1) {
      const world = await worlds.fresh(sandbox, signal);
      const instance = world.tombstone ?? world.instance;
      const [step] = instance ? teardown(instance, { why: 'coi is being uninstalled', now: world.now }) : [];
      if (!step) break;
      await runStep({ sandbox, step, hands, signal });
    }
    onRemoved(sandbox);
  }
  await hands.firewall.uninstall();
  await removeBlockPolicies({ signal });
}
