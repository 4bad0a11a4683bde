import { Problem } from '../base/problem.ts';
import { activeOverrides } from '../plan/override.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Controller } from './controller.ts';

/** A sandbox that can be copied. */
export interface Original {
  readonly manifest: Manifest;
  /** Why nothing of it may run for now; undefined when it may. */
  readonly heldBy: string | undefined;
  readonly storagePool: string;
}

/**
 * The sandbox that a container, or a sandbox, is called after.
 *
 * @throws {Problem} `fork.original` when there is none, when there is nothing of it to copy, or when it is on its way out
 */
export async function findOriginal(controller: Controller, name: string, signal: AbortSignal): Promise<Original> {
  const { desired, instances, policies } = controller;
  const manifest = desired.manifests().get(desired.declaredAs(name) ?? name);
  if (!manifest) throw noOriginal(name, isLeaving(controller, name));
  const seen = await instances.refresh(manifest.instance, signal);
  if (seen?.owner.kind !== 'owned' || seen.owner.stamp.name !== manifest.name)
    throw notCopied(manifest, 'has no container');
  const { instance, owner } = seen;
  const { intent } = owner.stamp;
  const isOver = manifest.sandbox.endsWithin !== undefined || manifest.sandbox.state === 'absent';
  if (isOver || intent?.kind === 'delete') throw notCopied(manifest, 'is being deleted');
  // One that runs is whole; that is noted a moment later.
  if (intent?.kind === 'create' && instance.state !== 'running') throw notCopied(manifest, 'is being made');
  if (!['running', 'frozen', 'stopped'].includes(instance.state)) {
    throw notCopied(manifest, `is neither running nor stopped, but ${instance.status}`);
  }
  const overrides = activeOverrides(policies.overrides(manifest.name), manifest.hash, policies.now());
  const hold = overrides.find(({ state }) => state !== undefined);
  if (hold?.state === 'absent') throw notCopied(manifest, 'is being deleted');
  const isStill = instance.state === 'frozen' || manifest.sandbox.state === 'frozen';
  const heldBy = hold ? `${hold.kind} by ${hold.by}` : isStill ? 'it is frozen' : undefined;
  return { manifest, heldBy, storagePool: instance.expandedDevices['root']?.['pool'] ?? '' };
}

/** Whether there is something of that name that no source declares any more. */
function isLeaving({ sandboxes, instances }: Controller, name: string): boolean {
  return sandboxes.get(name) !== undefined || instances.get(name)?.owner.kind === 'owned';
}

function noOriginal(name: string, leaves: boolean): Problem {
  const what = JSON.stringify(name.slice(0, 80));
  return new Problem({
    code: 'fork.original',
    message: leaves ? `${what} is being deleted` : `There is no container ${what} of coi`,
    hint: 'See them with: coi list',
  });
}

function notCopied({ name, instance }: Manifest, why: string): Problem {
  return new Problem({
    code: 'fork.original',
    message: `${instance} ${why}: it cannot be copied`,
    hint: `What is going on: coi why ${name}`,
  });
}
