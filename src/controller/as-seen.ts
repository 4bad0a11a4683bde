import { waiting } from '../plan/steps.ts';
import type { Plan } from '../plan/step.ts';
import type { Desired, World } from '../plan/world.ts';
import { deriveConditions, type Condition, type Look } from './condition.ts';

/**
 * A plan of somebody who cannot see everything: without steps that only hold if what is not seen is as hoped.
 *
 * @param denied paths of manifests and overrides that this user may not read: with any, no step is certain, because a
 * command may hold the sandbox or another manifest claim its name
 */
export function planAsSeen(plan: Plan, world: World, denied: readonly string[]): Plan {
  if (denied.length > 0 && isOpenToDoubt(plan)) {
    const block = unseen(`What is to be done is unknown: you may not read ${denied.join(', ')}`);
    return { ...plan, steps: [], block };
  }
  const doubt = doubtOf(plan, world);
  return doubt === undefined ? plan : { ...plan, block: unseen(doubt) };
}

function isOpenToDoubt({ steps, block }: Plan): boolean {
  return steps.length > 0 || block?.reason === 'WaitingNetwork' || block?.reason === 'WaitingDependency';
}

/** Why what stands in the way may not really do so. */
function doubtOf({ block }: Plan, { workspace }: World): string | undefined {
  if (block?.reason === 'WaitingNetwork') return 'Whether it may go on is unknown: only root sees its network rules';
  if (block?.reason !== 'InvalidWorkspace' || !workspace?.isDenied) return undefined;
  return `Whether its workspace can be used is unknown: ${workspace.message}`;
}

function unseen(message: string): NonNullable<Plan['block']> {
  return { ...waiting('Unseen', message), hint: 'Ask as root (sudo), or start the controller' };
}

/** Conditions of somebody who cannot see everything: nothing is claimed to be well, or broken, that was not seen. */
export function conditionsAsSeen(look: Look): Omit<Condition, 'since'>[] {
  return deriveConditions(look).map((said) => asSeen(said, look));
}

function asSeen(said: Omit<Condition, 'since'>, { world, plan }: Look): Omit<Condition, 'since'> {
  const status = 'Unknown';
  if (said.type === 'Healthy' && world.instance?.rules === 'unknown') {
    return { ...said, status, reason: 'EgressUnknown', message: 'Whether its network rules are loaded is unknown' };
  }
  if (said.type !== 'Ready') return said;
  if (plan.block?.reason === 'Unseen' && plan.steps.length === 0) {
    return { ...said, status, reason: 'Unseen', message: plan.block.message };
  }
  if (said.status !== 'True' || !world.instance) return said;
  const message = 'It is as declared as far as can be seen; its network rules are unknown';
  return { ...said, status, reason: 'NetworkUnknown', message };
}

/** What a source says about a name that it may declare in a part that this user cannot read. */
export function desiredAsSeen(desired: Desired): Desired {
  if (desired.kind !== 'missing' || desired.verdict.kind !== 'wait') return desired;
  const { reason, message } = desired.verdict;
  return reason === 'SourceIncomplete' ? { kind: 'unknown', message } : desired;
}
