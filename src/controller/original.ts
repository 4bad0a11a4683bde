import { Problem } from '../base/problem.ts';
import type { Instance } from '../host/incus/instance.ts';
import { activeOverrides, type Override } from '../plan/override.ts';
import type { Stamp } from '../plan/stamp.ts';
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
  const { desired, instances } = controller;
  const manifest = desired.manifests().get(desired.declaredAs(name) ?? name);
  if (!manifest) throw noOriginal(name, isLeaving(controller, name));
  const seen = await instances.refresh(manifest.instance, signal);
  if (seen?.owner.kind !== 'owned' || seen.owner.stamp.name !== manifest.name) {
    throw notCopied(manifest, 'has no container');
  }
  const { instance, owner } = seen;
  const hold = holdOn(controller, manifest);
  const why = whyNot(instance, owner.stamp) ?? (isOver(manifest, hold) ? 'is being deleted' : undefined);
  if (why !== undefined) throw notCopied(manifest, why);
  const isStill = instance.state === 'frozen' || manifest.sandbox.state === 'frozen';
  return { manifest, heldBy: holder(hold, isStill), storagePool: instance.expandedDevices['root']?.['pool'] ?? '' };
}

/** What keeps it from doing what its manifest says. */
function holdOn({ policies }: Controller, { name, hash }: Manifest): Override | undefined {
  return activeOverrides(policies.overrides(name), hash, policies.now()).find(({ state }) => state !== undefined);
}

function holder(hold: Override | undefined, isStill: boolean): string | undefined {
  if (hold) return `${hold.kind} by ${hold.by}`;
  return isStill ? 'it is frozen' : undefined;
}

function isOver({ sandbox }: Manifest, hold: Override | undefined): boolean {
  return sandbox.endsWithin !== undefined || sandbox.state === 'absent' || hold?.state === 'absent';
}

function whyNot({ state, status }: Instance, { intent }: Stamp): string | undefined {
  if (intent?.kind === 'delete') return 'is being deleted';
  // One that runs is whole; that is noted a moment later.
  if (intent?.kind === 'create' && state !== 'running') return 'is being made';
  const isCalm = state === 'running' || state === 'frozen' || state === 'stopped';
  return isCalm ? undefined : `is neither running nor stopped, but ${status}`;
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
