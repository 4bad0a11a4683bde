import type { Operation } from 'fast-json-patch';
import type { Action, Block, BlockReason, Risk, Step } from './step.ts';
import type { OwnedInstance } from './world.ts';

/** Risk of each kind of step; a power step is only disruptive when it takes something away. */
const riskOf: Record<Action['kind'], Risk> = {
  reserve: 'safe',
  rules: 'safe',
  create: 'safe',
  power: 'disruptive',
  update: 'safe',
  stamp: 'safe',
  restamp: 'safe',
  save: 'safe',
  tombstone: 'destructive',
  unprotect: 'destructive',
  delete: 'destructive',
  release: 'safe',
  agent: 'safe',
  restore: 'safe',
  expire: 'safe',
  quarantine: 'disruptive',
  uncover: 'safe',
};

/** What a step needs besides its action. */
export interface StepInit {
  readonly why: string;
  readonly patch?: readonly Operation[];
  readonly security?: boolean;
}

/** A step on an instance that exists: it must still carry the same uid when the step is carried out. */
export function stepOn(instance: OwnedInstance, action: Action, init: StepInit): Step {
  return makeStep(instance.name, action, { ...init, precondition: { uid: instance.stamp.uid } });
}

/** A step of a sandbox that has no instance: nobody may have taken the name meanwhile. */
export function stepWithout(instance: string, action: Action, init: StepInit): Step {
  return makeStep(instance, action, { ...init, precondition: { absent: instance } });
}

function makeStep(
  instance: string,
  action: Action,
  { why, patch = [], security = false, precondition }: StepInit & { precondition: Step['precondition'] },
): Step {
  return { action, instance, why, risk: risk(action), precondition, security, patch };
}

function risk(action: Action): Risk {
  if (action.kind === 'power' && (action.to === 'start' || action.to === 'unfreeze')) return 'safe';
  return riskOf[action.kind];
}

/** A reason to wait: looking again later, or something finishing, helps. */
export function waiting(reason: BlockReason, message: string): Block {
  return { reason, message, stalled: false };
}

/** A reason to stop: somebody has to change something. */
export function stalled(reason: BlockReason, message: string, hint: string): Block {
  return { reason, message, hint, stalled: true };
}
