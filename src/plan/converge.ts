import type { Manifest, RunState } from '../spec/sandbox.ts';
import { differences, type Difference } from './difference.ts';
import type { EffectiveState } from './effective-state.ts';
import type { Override } from './override.ts';
import { rulesStep } from './rules.ts';
import { desiredView, type Reservation } from './render-instance.ts';
import type { Stamp } from './stamp.ts';
import type { Action, Block, Draft, Step } from './step.ts';
import { stalled, stepOn, stepWithout, waiting } from './steps.ts';
import { isWreck, removeWreck, teardown } from './teardown.ts';
import { normaliseView, type View } from './view.ts';
import type { OwnedInstance, World } from './world.ts';

/** What a declared sandbox is to become. */
export interface Aim {
  readonly manifest: Manifest;
  readonly goal: EffectiveState;
  readonly overrides: readonly Override[];
}

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
  const view = desiredView(manifest.sandbox, reservation.endpoint, world.placement);
  const reserve: Action = { kind: 'reserve', network: view.network };
  const create: Action = { kind: 'create', manifest, view, reservation, generation: 1, start };
  const agent: Action = { kind: 'agent', manifest, restart: false };
  const steps = [
    ...(world.reservation ? [] : [stepWithout(manifest.instance, reserve, { why })]),
    stepWithout(manifest.instance, create, { why, patch: [{ op: 'add', path: '', value: view }] }),
    ...(manifest.sandbox.tool.command && start
      ? [stepWithout(manifest.instance, agent, { why: 'it has an agent' })]
      : []),
  ];
  return { steps, patch: [{ op: 'add', path: '', value: view }] };
}

const chosenLater = '(chosen at creation)';

/** Stands for addresses that the reserve step will choose; never carried out, because the world is looked at again first. */
const provisional: Reservation = {
  uid: chosenLater,
  endpoint: { port: chosenLater, mac: chosenLater, ipv4: chosenLater },
};

/** A quarantined or frozen-by-command sandbox is never started just to be frozen; one that is declared frozen is. */
function wantsStart(state: RunState, overrides: readonly Override[]): boolean {
  return state === 'running' || (state === 'frozen' && !overrides.some((override) => override.state === 'frozen'));
}

/** What stands in the way of creating or starting. Most lasting reasons first. */
function obstacle(
  world: World,
  { manifest, start, creating }: { manifest: Manifest; start: boolean; creating: boolean },
): Block | undefined {
  if (creating && world.nameTaken) {
    const hint = `Rename the sandbox, remove the instance, or take it over with: coi adopt ${manifest.name}`;
    return stalled('ForeignOwner', world.nameTaken, hint);
  }
  if (creating && world.imageExists === false) {
    return stalled(
      'ImageMissing',
      `There is no image with the alias "${manifest.sandbox.image}"`,
      'List the images with: incus image list',
    );
  }
  if ((creating || start) && world.workspace) {
    return stalled('InvalidWorkspace', world.workspace.message, world.workspace.hint);
  }
  const unready = start ? world.dependencies.filter(({ ready }) => !ready).map(({ name }) => name) : [];
  if (unready.length > 0) return waiting('WaitingDependency', `It waits for ${unready.join(', ')} to be Ready`);
  if (!world.networkReady) return waiting('WaitingNetwork', 'It waits for the network rules of this host');
  return undefined;
}

type Placed = OwnedInstance & { readonly endpoint: NonNullable<OwnedInstance['endpoint']> };

/** From something: rules, then what changed, then power, then the stamp. */
function adjust(world: World, aim: Aim, instance: Placed): Draft {
  const { manifest } = aim;
  const desired = desiredView(manifest.sandbox, instance.endpoint, world.placement);
  const all = differences(instance, desired, instance.stamp.applied);
  const wanted = all.filter((each) => isEnforced(each, manifest) && !world.fighting.includes(each.path));
  const shared = {
    patch: all.map(({ operation }) => operation),
    drift: all.filter(({ origin }) => origin === 'drift').map(({ path }) => path),
  };
  const rules = instance.rules === 'drifted' ? [rulesStep(instance, manifest.sandbox.network.mode)] : [];
  const change = changeSteps(world, aim, { instance, desired, wanted });
  const recreating = change.recreate ? teardown(instance, { why: change.recreate, now: world.now }) : undefined;
  if (recreating) return { ...shared, steps: [...rules, ...recreating] };
  const power = powerSteps(world, aim, instance);
  const done = change.block === undefined && power.block === undefined;
  const finish = done ? stampStep({ instance, manifest, desired, changed: change.steps.length > 0 }) : [];
  const fight = world.fighting.length > 0 ? fightBlock(world.fighting) : undefined;
  return {
    ...shared,
    steps: [...rules, ...change.steps, ...power.steps, ...finish, ...(done ? agentSteps(world, aim, instance) : [])],
    block: change.block ?? power.block ?? fight,
    nextLookAt:
      world.agent.kind === 'ended' && manifest.sandbox.restart === 'always' ? world.agent.restartAt : undefined,
  };
}

function isEnforced({ origin, security }: Difference, { sandbox }: Manifest): boolean {
  return origin === 'update' || security || sandbox.policy.drift === 'enforce';
}

function fightBlock(paths: readonly string[]): Block {
  const message = `Something else keeps changing ${paths.join(', ')}`;
  return stalled('Fighting', message, 'Find out who does and stop it, or change the manifest to agree');
}

interface Change {
  readonly instance: Placed;
  readonly desired: View;
  readonly wanted: readonly Difference[];
}

interface ChangeSteps {
  readonly steps: Step[];
  readonly block?: Block;
  readonly recreate?: string;
}

/** Carry out differences in the least disruptive way that the policy allows. */
function changeSteps(world: World, { manifest }: Aim, { instance, desired, wanted }: Change): ChangeSteps {
  const { allow } = manifest.sandbox.policy;
  const recreate = wanted.filter(({ change }) => change === 'recreate');
  if (recreate.length > 0 && allow === 'recreate' && world.imageExists !== false) {
    return { steps: [], recreate: `${pathsOf(recreate)} can only change with a new instance` };
  }
  const isUp = instance.power === 'running' || instance.power === 'frozen';
  const restart = wanted.filter((each) => each.change === 'restart' && each.origin === 'update' && isUp);
  const mayRestart = allow !== 'in-place' || instance.stamp.intent?.kind === 'create';
  const held = [...recreate, ...(mayRestart ? [] : restart)];
  const now = wanted.filter((each) => !held.includes(each));
  const restarting = mayRestart && restart.length > 0;
  const steps = patchStep(
    { instance, desired, wanted: now },
    restarting ? { kind: 'restart', at: world.now } : undefined,
  );
  if (restarting || instance.stamp.intent?.kind === 'restart') steps.push(...restartSteps(instance, restart));
  return held.length > 0 ? { steps, block: immutableBlock(held, recreate.length > 0) } : { steps };
}

function pathsOf(wanted: readonly Difference[]): string {
  return wanted.map(({ path }) => path).join(', ');
}

function immutableBlock(held: readonly Difference[], recreate: boolean): Block {
  const needed = recreate ? 'recreate' : 'restart';
  const message = `${pathsOf(held)} can only change with a ${recreate ? 'new instance' : 'restart'}, which policy.allow rules out`;
  return stalled('ImmutableChange', message, `Set policy.allow = "${needed}", or take the change back`);
}

function patchStep({ instance, desired, wanted }: Change, intent: Stamp['intent']): Step[] {
  const operations = wanted.map(({ operation }) => operation);
  const live = operations.filter(({ path }) => /^\/(config|devices|profiles)/.test(path));
  if (live.length === 0 && !intent) return [];
  const drifted = wanted.every(({ origin }) => origin === 'drift');
  const why = drifted ? 'somebody changed it by hand' : 'its manifest changed';
  const stamp: Partial<Stamp> = intent ? { intent, applied: desired } : {};
  const security = wanted.some((each) => each.security);
  return [stepOn(instance, { kind: 'update', operations: live, stamp }, { why, patch: operations, security })];
}

function restartSteps(instance: OwnedInstance, wanted: readonly Difference[]): Step[] {
  if (instance.power === 'stopped') return [];
  const why = wanted.length > 0 ? `${pathsOf(wanted)} takes effect with a restart` : 'a restart was begun';
  return [stepOn(instance, { kind: 'power', to: 'restart', force: false }, { why })];
}

/** Power that differs from the goal, in the steps that Incus allows. */
function powerSteps(world: World, { manifest, goal, overrides }: Aim, instance: OwnedInstance): ChangeSteps {
  const start = wantsStart(goal.state, overrides);
  const to = transition(instance.power, goal.state, start);
  if (to === undefined) return { steps: [] };
  if (to === 'start' || to === 'unfreeze') {
    const ended = endedBlock(manifest, instance, to);
    if (ended) return { steps: [], block: ended };
  }
  if (to === 'start') {
    const block = obstacle(world, { manifest, start: true, creating: false });
    if (block) return { steps: [], block };
  }
  const why = `${goal.because} says ${goal.state}, it is ${instance.power}`;
  const security = overrides.some(({ kind }) => kind === 'quarantine') && to !== 'start' && to !== 'unfreeze';
  const power = stepOn(instance, { kind: 'power', to, force: false }, { why, security });
  const isHalt = to === 'stop' || to === 'freeze';
  if (!isHalt || !remembersHalts(manifest) || instance.stamp.halted) return { steps: [power] };
  const note = stepOn(
    instance,
    { kind: 'stamp', stamp: { halted: true } },
    { why: 'a later look must know who did it', security },
  );
  return { steps: [note, power] };
}

function transition(power: OwnedInstance['power'], goal: RunState, start: boolean) {
  if (goal === 'stopped') return power === 'stopped' ? undefined : 'stop';
  if (power === 'stopped') return start ? 'start' : undefined;
  if (power === 'other') return 'stop';
  if (goal === 'frozen') return power === 'frozen' ? undefined : 'freeze';
  return power === 'frozen' ? 'unfreeze' : undefined;
}

/** Whether it matters later who stopped or froze it. */
function remembersHalts({ sandbox }: Manifest): boolean {
  return sandbox.restart === 'never' || sandbox.policy.drift === 'observe';
}

/** A stop that coi did not make is respected where the manifest says so. */
function endedBlock(manifest: Manifest, instance: OwnedInstance, to: 'start' | 'unfreeze'): Block | undefined {
  const isNew = instance.stamp.hash !== manifest.hash || instance.stamp.intent !== undefined;
  if (isNew || instance.stamp.halted || instance.lostPower || !remembersHalts(manifest)) return undefined;
  if (to === 'start' && manifest.sandbox.restart === 'never') {
    return waiting('Ended', 'It was stopped from inside or by hand, and restart is "never"');
  }
  if (manifest.sandbox.policy.drift !== 'observe') return undefined;
  return waiting('Ended', `It was ${to === 'start' ? 'stopped' : 'frozen'} by hand, and policy.drift is "observe"`);
}

interface Finish {
  readonly instance: OwnedInstance;
  readonly manifest: Manifest;
  readonly desired: View;
  readonly changed: boolean;
}

/** Remember what was carried out, once it is so: one write that also clears the intent. */
function stampStep({ instance, manifest, desired, changed }: Finish): Step[] {
  const { stamp } = instance;
  const same = stamp.applied && JSON.stringify(normaliseView(stamp.applied)) === JSON.stringify(normaliseView(desired));
  const halted = stamp.halted && instance.power === 'running';
  if (!changed && stamp.hash === manifest.hash && !stamp.intent && same && !halted) return [];
  const isFirst = stamp.intent?.kind === 'create';
  const generation = isFirst || stamp.hash === manifest.hash ? stamp.generation : stamp.generation + 1;
  const next: Partial<Stamp> = { hash: manifest.hash, generation, applied: desired, intent: undefined, halted: false };
  const why = isFirst ? 'its creation is complete' : 'it is as declared now';
  return [stepOn(instance, { kind: 'stamp', stamp: next }, { why })];
}

function agentSteps(world: World, { manifest, goal }: Aim, instance: OwnedInstance): Step[] {
  if (!manifest.sandbox.tool.command || goal.state !== 'running') return [];
  const { agent } = world;
  const absent = agent.kind === 'absent' || instance.power === 'stopped';
  if (absent)
    return [stepOn(instance, { kind: 'agent', manifest, restart: false }, { why: 'its agent is not running' })];
  const due = agent.kind === 'ended' && manifest.sandbox.restart === 'always' && agent.restartAt <= world.now;
  if (!due) return [];
  const why = `its agent ended with exit code ${agent.exitCode} and restart is "always"`;
  return [stepOn(instance, { kind: 'agent', manifest, restart: true }, { why })];
}
