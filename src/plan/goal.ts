import { effectiveState, type EffectiveState, type StateInputs } from './effective-state.ts';
import type { Override } from './override.ts';
import type { Desired, World } from './world.ts';

/** What is declared, and what outranks it. */
export interface GoalOf extends Omit<Extract<Desired, { kind: 'declared' }>, 'kind'> {
  /** Those that still hold. */
  readonly overrides: readonly Override[];
}

/** What a declared sandbox is to do in a world. */
export function goalOf(world: World, { manifest, sourceComplete, overrides }: GoalOf): EffectiveState {
  return effectiveState(manifest, {
    overrides,
    scheduled: world.scheduled,
    createdAt: world.instance?.createdAt,
    run: runOf(world),
    mayBeExtended: !sourceComplete,
    isAbandoned: world.isAbandoned === true,
    now: world.now,
  });
}

/** Counted from the start that coi made: what runs inside could begin anew for ever by starting its system again. */
function runOf({ instance }: World): StateInputs['run'] {
  if (!instance) return undefined;
  const { stamp, startedAt, power } = instance;
  return { startedAt: startedAt && (stamp.started ?? startedAt), isStopped: power === 'stopped' };
}
