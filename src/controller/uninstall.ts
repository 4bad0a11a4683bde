import type { Hands } from '../apply/hands.ts';
import { runStep } from '../apply/run-step.ts';
import { removeBlockPolicies } from '../host/xfrm/xfrm.ts';
import type { World } from '../plan/world.ts';
import { teardown } from '../plan/teardown.ts';

/** More steps than any teardown has. */
const mostSteps = 20;

/** What uninstalling needs of a controller that does not run. */
export interface UninstallInit {
  readonly hands: Hands;
  /** Sandboxes of which something exists. */
  readonly names: () => Iterable<string>;
  readonly look: (sandbox: string, signal: AbortSignal) => Promise<World>;
  readonly onRemoved: (sandbox: string) => void;
}

/**
 * Take everything of coi off this host's Incus and kernel: every sandbox whatever declares it, then the tables, then the
 * block policies. Manifests, state and what is not coi's stay.
 *
 * @throws {Problem} at the first sandbox that cannot be removed; its rules, and those of the others, are then still loaded
 */
export async function uninstall({ hands, names, look, onRemoved }: UninstallInit, signal: AbortSignal): Promise<void> {
  for (const sandbox of names()) {
    for (let count = 0; count < mostSteps; count += 1) {
      const world = await look(sandbox, signal);
      const instance = world.tombstone ?? world.instance;
      const [step] = instance ? teardown(instance, { why: 'coi is being uninstalled', now: world.now }) : [];
      if (!step) break;
      await runStep({ sandbox, step, hands, signal });
    }
    onRemoved(sandbox);
  }
  await hands.firewall.uninstall();
  await removeBlockPolicies({ bridge: hands.bridge, signal });
}
