import type { Manifest, RunState } from '../spec/sandbox.ts';
import type { ChangeDraft } from './change.ts';
import { ranOut, shutDown } from './effective-state.ts';
import { fightBlock } from './fight.ts';
import { obstacle, wantsStart, type Aim } from './obstacle.ts';
import { hostDirectories } from './host-directories.ts';
import type { Action, Block, Step } from './step.ts';
import { stepOn, waiting } from './steps.ts';
import type { OwnedInstance, World } from './world.ts';

/** The name under which fights over power are counted: it is no field of the managed view. */
export const statePath = '/state';

type Transition = Extract<Action, { kind: 'power' }>['to'];

/** Power that differs from the goal, in the steps that Incus allows. */
export function powerSteps(world: World, aim: Aim, instance: OwnedInstance): ChangeDraft {
  const { manifest, goal, overrides } = aim;
  const to = transition(instance.power, goal.state, wantsStart(goal.state, overrides));
  if (to === undefined) return { steps: [] };
  const block = isHalt(to) ? undefined : riseBlock(world, manifest, { instance, to });
  if (block) return { steps: [], block };
  const why = `${goal.because} says ${goal.state}, it is ${instance.power}`;
  const security = isHalt(to) && overrides.some(({ kind }) => kind === 'quarantine');
  const force = isForced(aim);
  const graceS = goal.because === shutDown ? manifest.sandbox.endsWithin : undefined;
  const start = to === 'start' ? startOf(manifest) : {};
  const action: Action = { kind: 'power', to, force, ...(graceS !== undefined && { graceS }), ...start };
  const power = stepOn(instance, action, { why, security });
  return { steps: [...haltNote(manifest, instance, { to, security }), power] };
}

function isForced({ manifest: { sandbox }, goal: { because }, overrides }: Aim): boolean {
  // Nobody asks what is in quarantine, and it gets no time.
  if (overrides.some(({ kind }) => kind === 'quarantine')) return true;
  if (because === ranOut) return sandbox.limits.runtime?.force === true;
  return because === 'manifest' && sandbox.asked?.force === true;
}

/** What a start is to find, and to leave. */
function startOf({ sandbox }: Manifest): Pick<Extract<Action, { kind: 'power' }>, 'directories' | 'user'> {
  return { directories: hostDirectories(sandbox), user: sandbox.codeUser };
}

function isHalt(to: Transition): boolean {
  return to === 'stop' || to === 'freeze';
}

function transition(power: OwnedInstance['power'], goal: RunState, start: boolean): Transition | undefined {
  if (goal === 'stopped') return power === 'stopped' ? undefined : 'stop';
  if (power === 'stopped') return start ? 'start' : undefined;
  if (power === 'other') return 'stop';
  if (goal === 'frozen') return power === 'frozen' ? undefined : 'freeze';
  return power === 'frozen' ? 'unfreeze' : undefined;
}

/** Note on the instance that the halt that follows is ours, where a later look must tell. */
function haltNote(
  manifest: Manifest,
  instance: OwnedInstance,
  { to, security }: { to: Transition; security: boolean },
): Step[] {
  if (!isHalt(to) || !remembersHalts(manifest) || instance.stamp.halted) return [];
  const note = { kind: 'stamp', stamp: { halted: true } } as const;
  return [stepOn(instance, note, { why: 'a later look must know who halted it', security })];
}

/** Whether it matters later who stopped or froze it. */
export function remembersHalts({ sandbox }: Manifest): boolean {
  return sandbox.restart === 'never' || sandbox.policy.drift === 'observe';
}

/** What speaks against starting or thawing: that somebody else halted it, or that something it needs is not there. */
function riseBlock(world: World, manifest: Manifest, { instance, to }: { instance: OwnedInstance; to: Transition }) {
  const ended = endedBlock(manifest, instance, to);
  if (ended) return ended;
  if (world.fighting.includes(statePath)) return fightBlock(world);
  if (to === 'start') return obstacle(world, { manifest, start: true, creating: false }) ?? rulesBlock(world, instance);
  return rulesBlock(world, instance);
}

/** Nothing runs on rules that cannot be seen, nor is said to be as declared while they may still be those of before. */
export function rulesBlock({ networkReady }: World, { rules }: OwnedInstance): Block | undefined {
  if (networkReady && rules !== 'unknown') return undefined;
  return waiting('WaitingNetwork', 'It waits for the network rules of this host');
}

/** A halt that coi did not make is respected where the manifest says so. */
function endedBlock(manifest: Manifest, { stamp, lostPower }: OwnedInstance, to: Transition): Block | undefined {
  const isNew = stamp.hash !== manifest.hash || stamp.intent !== undefined;
  if (isNew || stamp.halted || lostPower) return undefined;
  const { restart, policy } = manifest.sandbox;
  if (to === 'start' && restart === 'never') {
    return waiting('Ended', 'It was stopped from inside or by hand, and restart is "never"');
  }
  if (policy.drift !== 'observe') return undefined;
  return waiting('Ended', `It was ${to === 'start' ? 'stopped' : 'frozen'} by hand, and policy.drift is "observe"`);
}
