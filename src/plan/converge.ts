import { hasAgent, type Manifest } from '../spec/sandbox.ts';
import { changeSteps } from './change.ts';
import { differences, type Difference } from './difference.ts';
import { fightBlock } from './fight.ts';
import { agentDueAt, agentSteps, completeSteps, restoreSteps, stampSteps } from './finish.ts';
import { obstacle, wantsStart, type Aim } from './obstacle.ts';
import { powerSteps, rulesBlock } from './power.ts';
import { protectionSteps, uncoverSteps } from './protection.ts';
import { repairRules } from './rules.ts';
import { desiredView, type Reservation } from './render-instance.ts';
import { isUnsaved } from './session-stamp.ts';
import type { Action, Block, Draft, Step } from './step.ts';
import { stalled, stepOn, stepWithout } from './steps.ts';
import { isWreck, removeWreck, teardown } from './teardown.ts';
import type { OwnedInstance, World } from './world.ts';
import { watchedFlows } from './watched-flows.ts';

/** Steps that bring a declared sandbox to its goal, whatever state it is in. */
export function converge(world: World, aim: Aim): Draft {
  const { instance } = world;
  if (!instance) return build(world, aim);
  if (isWreck(instance)) return { ...build({ ...world, instance: undefined }, aim), steps: removeWreck(instance) };
  if (!instance.endpoint) return { steps: [], block: noEndpoint };
  return adjust(world, aim, { ...instance, endpoint: instance.endpoint });
}

const noEndpoint = stalled(
  'ForeignOwner',
  'The stamp on the instance does not say which addresses it was given',
  'Delete the instance, or restore its user.coi.applied key',
);

/** From nothing: addresses and rules first, then the instance, then the agent. */
function build(world: World, { manifest, goal, overrides }: Aim): Draft {
  const start = wantsStart(goal.state, overrides);
  const block = obstacle(world, { manifest, start, creating: true });
  if (block) return { steps: [], block };
  const why = 'it is declared and does not exist';
  const reservation = world.reservation ?? provisional;
  const view = desiredView(manifest.sandbox, reservation, world.placement);
  const reserve: Action = { kind: 'reserve', network: view.network, ...watchedFlows(manifest.sandbox) };
  const create: Action = { kind: 'create', manifest, view, reservation, generation: 1, start };
  const agent: Action = { kind: 'agent', manifest, launch: 'once' };
  const steps = [
    ...(world.reservation ? [] : [stepWithout(manifest.instance, reserve, { why })]),
    stepWithout(manifest.instance, create, { why, patch: [{ op: 'add', path: '', value: view }] }),
    ...(hasAgent(manifest.sandbox) && start ? [stepWithout(manifest.instance, agent, { why: 'it has an agent' })] : []),
  ];
  return { steps, patch: [{ op: 'add', path: '', value: view }] };
}

const chosenLater = '(chosen at creation)';

/** Stands for addresses that the reserve step will choose; never carried out, because the world is looked at again first. */
const provisional: Reservation = {
  uid: chosenLater,
  endpoint: { port: chosenLater, mac: chosenLater, ipv4: chosenLater },
};

type Placed = OwnedInstance & { readonly endpoint: NonNullable<OwnedInstance['endpoint']> };

/** From something: rules, then what changed, then power, then the stamp, then the agent. */
function adjust(world: World, aim: Aim, instance: Placed): Draft {
  const { manifest } = aim;
  const { endpoint } = instance;
  const desired = desiredView(manifest.sandbox, { uid: instance.stamp.uid, endpoint }, world.placement);
  // What was adopted had nothing applied to it yet but its place: all of it is the manifest's doing.
  const applied = instance.stamp.generation === 0 ? undefined : instance.stamp.applied;
  const all = differences(instance, desired, applied);
  const enforced = all.filter((each) => isEnforced(each, manifest));
  // Isolation is not given up to whoever is more stubborn.
  const wanted = enforced.filter(({ path, security }) => security || !world.fighting.includes(path));
  const rules = [...repairRules(world), ...protectionSteps(world, aim, instance)];
  const change = changeSteps(world, aim, { instance, desired, wanted });
  const seen = {
    patch: all.map(({ operation }) => operation),
    drift: all.filter(({ origin }) => origin === 'drift').map(({ path }) => path),
    nextLookAt: agentDueAt(world, aim),
  };
  if (change.recreate) {
    const start = wantsStart(aim.goal.state, aim.overrides);
    const block = obstacle(world, { manifest, start, creating: true });
    if (block) return { ...seen, steps: rules, block };
    return { ...seen, steps: [...rules, ...teardown(instance, { why: change.recreate, now: world.now })] };
  }
  const power = powerSteps(world, aim, instance);
  if (power.block?.reason === 'Ended' && isSpent(manifest, instance)) {
    const expire = { kind: 'expire', hash: manifest.hash, reason: 'it ended' } as const;
    const why = 'it ended, and is neither persistent nor to be restarted';
    return { ...seen, steps: [stepOn(instance, expire, { why }), ...teardown(instance, { why, now: world.now })] };
  }
  const held = change.block ?? power.block ?? unseenBlock(world, aim, instance);
  const block = held ?? fightBlock(world);
  const still = [...saveSteps(instance, power.steps), ...uncoverSteps(world, instance, power.steps)];
  const before = [...rules, ...change.steps, ...power.steps, ...still];
  const isFought = enforced.some((each) => each.origin === 'update' && !wanted.includes(each));
  const changing = change.steps.length > 0;
  if (held || isFought) return { ...seen, block, steps: [...before, ...completeSteps(instance, manifest)] };
  const stamping = stampSteps({ instance, manifest, desired, changing });
  const last = [...stamping, ...restoreSteps(aim, instance), ...agentSteps(world, aim, instance)];
  return { ...seen, block, steps: [...before, ...last] };
}

function unseenBlock(world: World, { manifest }: Aim, instance: OwnedInstance): Block | undefined {
  return instance.stamp.hash === manifest.hash ? undefined : rulesBlock(world, instance);
}

/** What stands still and is kept is saved, too: nobody knows what becomes of it. One that is started next has its state still. */
function saveSteps(instance: OwnedInstance, power: readonly Step[]): Step[] {
  if (instance.power !== 'stopped' || power.length > 0 || !isUnsaved(instance)) return [];
  return [stepOn(instance, { kind: 'save' }, { why: 'it stopped, and its session is not saved yet' })];
}

/** Whether it is of no more use: it stopped by itself, is not to be started again, and nobody asked to keep what is inside. */
function isSpent({ sandbox }: Manifest, { power }: OwnedInstance): boolean {
  return power === 'stopped' && sandbox.restart === 'never' && !sandbox.persistent;
}

function isEnforced({ origin, security }: Difference, { sandbox }: Manifest): boolean {
  return origin === 'update' || security || sandbox.policy.drift === 'enforce';
}
