import { hasAgent, type Manifest } from '../spec/sandbox.ts';
import type { Aim } from './obstacle.ts';
import { isInPlace, sessionStampOf } from './session-stamp.ts';
import type { Stamp } from './stamp.ts';
import type { Step } from './step.ts';
import { remembersHalts } from './power.ts';
import { stepOn } from './steps.ts';
import { normaliseView, type View } from './view.ts';
import type { OwnedInstance, World } from './world.ts';

/** What was carried out on an instance. */
interface Carried {
  readonly instance: OwnedInstance;
  readonly manifest: Manifest;
  readonly desired: View;
  /** Whether steps before this one change the instance. */
  readonly changing: boolean;
}

/** Remember what was carried out, once it is so: one write that also clears the intent. */
export function stampSteps({ instance, manifest, desired, changing }: Carried): Step[] {
  const { stamp } = instance;
  const isFirst = stamp.intent?.kind === 'create';
  const isUpdate = stamp.hash !== manifest.hash && !isFirst;
  const isMoved = stamp.source !== manifest.source;
  if (!changing && !isUpdate && !isMoved && isCurrent(instance, desired)) return [];
  const generation = isUpdate ? stamp.generation + 1 : stamp.generation;
  const halted = isHalted(instance, manifest);
  const { hash, source } = manifest;
  const session = sessionStampOf(manifest, stamp.uid);
  const kept = session || stamp.session ? { session } : {};
  const next: Partial<Stamp> = { source, hash, generation, applied: desired, intent: undefined, halted, ...kept };
  const why = isFirst ? completeText : isMoved ? 'another source declares it now' : 'it is as declared now';
  return [stepOn(instance, { kind: 'stamp', stamp: next }, { why })];
}

const completeText = 'its creation is complete';

/**
 * Only forget that it was being created, where the rest has to wait: with that intent left, it would be taken for half-made
 * and deleted once it is stopped.
 */
export function completeSteps(instance: OwnedInstance, manifest: Manifest): Step[] {
  if (instance.stamp.intent?.kind !== 'create') return [];
  const stamp: Partial<Stamp> = { intent: undefined, halted: isHalted(instance, manifest) };
  return [stepOn(instance, { kind: 'stamp', stamp }, { why: completeText })];
}

/** Whether it stands still because coi holds it so, from its creation or since. */
function isHalted({ power, stamp }: OwnedInstance, manifest: Manifest): boolean {
  const isFirst = stamp.intent?.kind === 'create';
  return power !== 'running' && (stamp.halted || (isFirst && remembersHalts(manifest)));
}

function isCurrent({ stamp, power }: OwnedInstance, desired: View): boolean {
  const isStale = stamp.halted && power === 'running';
  return !stamp.intent && !isStale && stamp.applied !== undefined && isSame(stamp.applied, desired);
}

function isSame(a: View, b: View): boolean {
  return JSON.stringify(normaliseView(a)) === JSON.stringify(normaliseView(b));
}

/** Have the session of a direct agent in place before anybody is told that its sandbox runs. */
export function restoreSteps({ manifest, goal }: Aim, instance: OwnedInstance): Step[] {
  const { stamp, power } = instance;
  if (!manifest.sandbox.session?.direct || goal.state !== 'running' || power !== 'running') return [];
  const session = sessionStampOf(manifest, stamp.uid);
  if (!session || isInPlace(stamp, session)) return [];
  return [stepOn(instance, { kind: 'restore', manifest }, { why: 'its session is not in it yet' })];
}

/** Start the agent of a sandbox that runs, and start it again when it ended and is to be restarted. */
export function agentSteps(world: World, { manifest, goal }: Aim, instance: OwnedInstance): Step[] {
  if (!hasAgent(manifest.sandbox) || goal.state !== 'running') return [];
  const { agent } = world;
  if (agent.kind === 'absent' || instance.power === 'stopped') {
    const isBack = agent.kind === 'absent' && agent.isWantedBack === true;
    const launch = isBack && instance.power !== 'stopped' ? 'back' : 'once';
    const why = isBack ? 'somebody came back to its agent' : 'its agent is not running';
    return [stepOn(instance, { kind: 'agent', manifest, launch }, { why })];
  }
  const isDue = agent.kind === 'ended' && manifest.sandbox.restart === 'always' && agent.restartAt <= world.now;
  if (!isDue) return [];
  const why = `its agent ended with exit code ${agent.exitCode} and restart is "always"`;
  return [stepOn(instance, { kind: 'agent', manifest, launch: 'again' }, { why })];
}

/** When the agent is to be started again; undefined where nobody waits for that. */
export function agentDueAt({ agent }: World, { manifest, goal }: Aim): number | undefined {
  const isAwaited = agent.kind === 'ended' && manifest.sandbox.restart === 'always' && goal.state === 'running';
  return isAwaited ? agent.restartAt : undefined;
}
