import { converge } from './converge.ts';
import { abandoned, ranOut, shutDown, type EffectiveState } from './effective-state.ts';
import { goalOf } from './goal.ts';
import type { Aim } from './obstacle.ts';
import { activeOverrides } from './override.ts';
import type { Draft, Plan, Step } from './step.ts';
import { restampSteps } from './restamp.ts';
import { repairRules } from './rules.ts';
import { stalled, stepOn, stepWithout, waiting } from './steps.ts';
import { teardown } from './teardown.ts';
import type { World } from './world.ts';

/**
 * What is to be done about one sandbox, in order. Pure: the same world gives the same plan.
 *
 * Only the first step is ever carried out before the world is looked at again; the rest shows what is expected to follow.
 */
export function plan(world: World): Plan {
  const draft = restrict(world, draftPlan(world));
  return {
    name: world.name,
    steps: draft.steps,
    patch: draft.patch ?? [],
    drift: draft.drift ?? [],
    block: draft.block,
    nextLookAt: isAhead(draft.nextLookAt, world) ? draft.nextLookAt : undefined,
  };
}

/** A moment that has passed brings nothing new: asking to be looked at then is asking to be looked at for ever. */
function isAhead(at: number | undefined, { now }: World): boolean {
  return at !== undefined && at > now;
}

function draftPlan(world: World): Draft {
  const busy = world.tombstone?.busy ?? world.instance?.busy;
  if (busy) return { steps: repairRules(world), block: waiting('WaitingOperation', `Incus is busy with it: ${busy}`) };
  const leftovers = world.tombstone
    ? teardown(world.tombstone, { why: 'it was already on its way out', now: world.now })
    : [];
  const draft = draftFor(world);
  return { ...draft, steps: [...leftovers, ...restampSteps(world), ...draft.steps] };
}

function draftFor(world: World): Draft {
  switch (world.desired.kind) {
    case 'declared':
      return declared(world, world.desired);
    case 'deleted':
      return deleted(world);
    case 'missing':
      return missing(world, world.desired.verdict);
    case 'unknown':
      return { steps: repairRules(world), block: waiting('SourceIncomplete', world.desired.message) };
  }
}

type Declared = Extract<World['desired'], { kind: 'declared' }>;

function declared(world: World, { manifest, sourceComplete }: Declared): Draft {
  const overrides = activeOverrides(world.overrides, manifest.hash, world.now);
  const goal = goalOf(world, { manifest, sourceComplete, overrides });
  const nextLookAt = earliest([goal.changesAt, ...overrides.map(({ until }) => until)]);
  if (goal.state === 'absent') return { nextLookAt, ...leave(world, { manifest, goal, overrides }) };
  const draft = converge(world, { manifest, goal, overrides });
  return { ...draft, nextLookAt: earliest([draft.nextLookAt, nextLookAt]) };
}

/** A declared sandbox that is not to exist now: the expiry is remembered first, or it would be created again. */
function leave(world: World, { manifest, goal, overrides }: Aim): Draft {
  if ([abandoned, ranOut, shutDown].includes(goal.because)) return endSession(world, { manifest, goal, overrides });
  if (!world.instance) return { steps: dropReservation(world) };
  const instance = world.instance;
  const isExpiry = goal.because === 'lifetime' && !overrides.some(({ kind }) => kind === 'expired');
  if (isExpiry && !world.mayExpire && instance.stamp.intent?.kind !== 'delete') {
    return {
      steps: repairRules(world),
      block: waiting('ExpiryLimit', 'Its lifetime is over; others are deleted first'),
      nextLookAt: world.now + 10_000,
    };
  }
  const expire = isExpiry
    ? [stepOn(instance, { kind: 'expire', hash: manifest.hash, reason: 'lifetime' }, { why: 'its lifetime is over' })]
    : [];
  return { steps: [...expire, ...teardown(instance, { why: becauseText(goal), now: world.now })] };
}

/** Of no more use to anybody. What declares it is put out of force first, whatever there is of it. */
function endSession(world: World, { manifest, goal, overrides }: Aim): Draft {
  const { instance, now } = world;
  const { instance: instanceName, hash } = manifest;
  const action = { kind: 'expire', hash, reason: goal.because } as const;
  const why = becauseText(goal);
  const isRemembered = overrides.some(({ kind }) => kind === 'expired');
  if (!instance) {
    const expire = isRemembered ? [] : [stepWithout(instanceName, action, { why })];
    return { steps: [...dropReservation(world), ...expire] };
  }
  const expire = isRemembered ? [] : [stepOn(instance, action, { why })];
  return { steps: [...expire, ...teardown(instance, { why, now })] };
}

function becauseText({ because }: EffectiveState): string {
  return because === 'manifest' ? 'its manifest says absent' : `${because} says it is not to exist`;
}

function deleted(world: World): Draft {
  const { instance } = world;
  if (!instance) return { steps: dropReservation(world) };
  if (instance.stamp.applied?.deletion === 'protect') return { steps: repairRules(world), block: protectedBlock };
  return { steps: teardown(instance, { why: 'it was deleted by command', now: world.now }) };
}

const protectedBlock = stalled(
  'Protected',
  'It is not declared any more, but its policy.deletion is "protect"',
  'Declare it again with policy.deletion = "delete" first, then remove it',
);

const orphanedBlock = waiting('Orphaned', 'It is not declared any more and is kept: policy.deletion is "orphan"');

function missing(world: World, verdict: Extract<World['desired'], { kind: 'missing' }>['verdict']): Draft {
  const { instance } = world;
  if (!instance) return { steps: dropReservation(world) };
  const keep = { steps: repairRules(world) };
  const deletion = instance.stamp.applied?.deletion;
  if (deletion === 'protect') return { ...keep, block: protectedBlock };
  if (deletion === 'orphan') return { ...keep, block: orphanedBlock };
  switch (verdict.kind) {
    case 'allowed':
      return { steps: teardown(instance, { why: 'no source declares it any more', now: world.now }) };
    case 'wait':
      return { ...keep, block: waiting(verdict.reason, verdict.message), nextLookAt: verdict.until };
    case 'held':
      return {
        ...keep,
        block: stalled(verdict.reason, verdict.message, 'Run coi apply --confirm-deletes N when it is meant'),
      };
  }
}

function dropReservation({ reservation, name }: World): Step[] {
  if (!reservation) return [];
  return [stepWithout(`coi-${name}`, { kind: 'release', uid: reservation.uid }, { why: 'it is not wanted any more' })];
}

/** While suspended only security steps go on. */
function restrict(world: World, draft: Draft): Draft {
  const hash = world.desired.kind === 'declared' ? world.desired.manifest.hash : undefined;
  const suspend = activeOverrides(world.overrides, hash, world.now).find(({ kind }) => kind === 'suspend');
  if (!suspend) return draft;
  const block = waiting('Suspended', `Suspended by ${suspend.by}: ${suspend.reason}`);
  const nextLookAt = earliest([draft.nextLookAt, suspend.until]);
  return { ...draft, steps: draft.steps.filter(({ security }) => security), block, nextLookAt };
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
