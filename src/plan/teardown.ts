import { tombstoneName } from './stamp.ts';
import { isUnsaved } from './session-stamp.ts';
import type { Step } from './step.ts';
import { stepOn } from './steps.ts';
import type { OwnedInstance } from './world.ts';

/**
 * The way out of the world, in an order in which every crash leaves something that the next look understands: intent
 * recorded, stopped, renamed so that nobody else can create the name, unprotected, deleted, and its rules last.
 */
export function teardown(instance: OwnedInstance, { why, now }: { why: string; now: number }): Step[] {
  // Its intent is what tells a wreck: with another in its place, it would be started should its manifest come back.
  if (isWreck(instance)) return removeWreck(instance);
  const steps: Step[] = [];
  const add = (action: Step['action']) => steps.push(stepOn(instance, action, { why }));
  const named = instance.name === tombstoneName(instance.stamp.uid);
  if (instance.stamp.intent?.kind !== 'delete') add({ kind: 'stamp', stamp: { intent: { kind: 'delete', at: now } } });
  if (instance.power !== 'stopped') add({ kind: 'power', to: 'stop', force: true });
  if (!named) add({ kind: 'tombstone' });
  // Under its last name: Incus ends at once what served its files only if it still has the name that it was asked for by.
  if (isUnsaved(instance)) add({ kind: 'save' });
  return [...steps, ...remove(instance, why)];
}

/** Take away something half-made: nothing of value is inside and it was never started, so it needs no other name. */
export function removeWreck(instance: OwnedInstance): Step[] {
  return remove(instance, 'its creation was interrupted, so what is there is incomplete');
}

function remove(instance: OwnedInstance, why: string): Step[] {
  const steps: Step[] = [];
  if (instance.config['security.protection.delete'] === 'true') {
    steps.push(stepOn(instance, { kind: 'unprotect' }, { why }));
  }
  steps.push(stepOn(instance, { kind: 'delete' }, { why }));
  return steps;
}

/** Half-made: created by us, never finished, never started. A wreck must not be started: files may be missing. */
export function isWreck(instance: OwnedInstance): boolean {
  return (
    instance.stamp.intent?.kind === 'create' &&
    !instance.createdHere &&
    instance.power !== 'running' &&
    instance.power !== 'frozen'
  );
}
