import type { Difference } from './difference.ts';
import { hostDirectories, type HostDirectories } from './host-directories.ts';
import type { Aim } from './obstacle.ts';
import type { Stamp } from './stamp.ts';
import type { Block, Step } from './step.ts';
import { stalled, stepOn } from './steps.ts';
import type { View } from './view.ts';
import type { OwnedInstance, World } from './world.ts';

/** What is to change on an instance that exists. */
export interface Change {
  readonly instance: OwnedInstance;
  readonly desired: View;
  readonly wanted: readonly Difference[];
}

/** Steps towards the desired view, and what stands in the way of the rest. */
export interface ChangeDraft {
  readonly steps: readonly Step[];
  readonly block?: Block;
  /** Why only a new instance will do, where the policy allows one. */
  readonly recreate?: string;
}

/** Carry out differences in the least disruptive way that the policy allows. */
export function changeSteps(world: World, { manifest }: Aim, { instance, desired, wanted }: Change): ChangeDraft {
  const { allow } = manifest.sandbox.policy;
  const recreate = wanted.filter(({ change }) => change === 'recreate');
  if (recreate.length > 0 && allow === 'recreate') {
    return { steps: [], recreate: `${pathsOf(recreate)} can only change with a new instance` };
  }
  const unsafe = isUp(instance) ? wanted.filter((each) => bringsNoCover(each, [desired, instance.stamp.applied])) : [];
  const restart = isUp(instance) ? wanted.filter((each) => needsRestart(each) || unsafe.includes(each)) : [];
  const isForced = unsafe.some(({ origin }) => origin === 'drift');
  const isHeld = allow === 'in-place' && !isForced;
  const held = [...recreate, ...(isHeld ? restart : [])];
  const possible = wanted.filter((each) => !held.includes(each) && !unsafe.includes(each));
  const now = { instance, desired, wanted: possible, directories: hostDirectories(manifest.sandbox) };
  const isRestarting = restart.length > 0 && !isHeld;
  const isNoted = instance.stamp.intent?.kind === 'restart';
  const noteAt = isRestarting && !isNoted ? world.now : undefined;
  const steps = [...patchSteps(now, noteAt), ...agentStep(now), ...restartSteps(instance, isRestarting)];
  return held.length > 0 ? { steps, block: immutableBlock(held) } : { steps };
}

/** What an agent is started with stands nowhere but in the stamp: once it runs, nobody could tell that it has it already. */
function agentStep({ instance, desired, wanted }: Change): Step[] {
  const { applied } = instance.stamp;
  if (isUp(instance) || !applied || !wanted.some(({ path }) => path === '/agent')) return [];
  const stamp: Partial<Stamp> = { applied: { ...applied, agent: desired.agent } };
  return [stepOn(instance, { kind: 'stamp', stamp }, { why: 'its next start is with another agent or prompt' })];
}

function isUp({ power }: OwnedInstance): boolean {
  return power === 'running' || power === 'frozen';
}

/** Drift in such a field is put right for the next start; what is running was started with the value before. */
function needsRestart({ change, origin }: Difference): boolean {
  return change === 'restart' && origin === 'update';
}

/** What Incus mounts into something that runs comes without the mounts below it: it is put right while it is stopped. */
function bringsNoCover({ path }: Difference, views: readonly (View | undefined)[]): boolean {
  const isCovered = views.some((view) => view !== undefined && view.protection !== '');
  return isCovered && path.startsWith('/devices/workspace');
}

/** Keys of a manifest that fields of the managed view stand for, where they have other names there. */
const keysOf: Readonly<Record<string, string>> = {
  '/agent': 'tool or prompt',
  '/image': 'image',
  '/devices/workspace': 'workspace',
  '/protection': 'workspace or what is protected of it',
  '/config/security.nesting': 'security.docker',
  '/config/security.syscalls.intercept.mknod': 'security.docker',
  '/config/security.syscalls.intercept.setxattr': 'security.docker',
  '/config/linux.sysctl.net.ipv4.ip_unprivileged_port_start': 'security.docker',
};

function pathsOf(wanted: readonly Difference[]): string {
  return [...new Set(wanted.map(({ path }) => keysOf[path] ?? path))].join(', ');
}

function immutableBlock(held: readonly Difference[]): Block {
  const needed = held.some(({ change }) => change === 'recreate') ? 'recreate' : 'restart';
  const means = needed === 'recreate' ? 'new instance' : 'restart';
  const message = `${pathsOf(held)} can only change with a ${means}, which policy.allow rules out`;
  return stalled('ImmutableChange', message, `Set policy.allow = "${needed}", or take the change back`);
}

/** One PATCH, or two where isolation is concerned: what may go on while suspended takes nothing else along. */
function patchSteps(change: PlacedChange, restartAt: number | undefined): Step[] {
  const isUrgent = ({ security, origin }: Difference) => security && origin === 'drift';
  const urgent = change.wanted.filter(isUrgent);
  const rest = change.wanted.filter((each) => !isUrgent(each));
  return [
    ...patchStep({ ...change, wanted: urgent }, { security: true }),
    ...patchStep({ ...change, wanted: rest }, { security: false, restartAt }),
  ];
}

/** A change, with what is to be mounted for the devices that it leads to. */
type PlacedChange = Change & { readonly directories: HostDirectories };

/** How a PATCH is meant. */
interface PatchInit {
  readonly security: boolean;
  /** When a restart was decided on that follows. */
  readonly restartAt?: number | undefined;
}

/** One PATCH. Where a restart must follow, the same write says so, so that a crash in between cannot lose it. */
function patchStep(
  { instance, desired, wanted, directories }: PlacedChange,
  { security, restartAt }: PatchInit,
): Step[] {
  const patch = wanted.map(({ operation }) => operation);
  const operations = patch.filter(({ path }) => /^\/(config|devices|profiles)/.test(path));
  if (operations.length === 0 && restartAt === undefined) return [];
  const isDrift = wanted.every(({ origin }) => origin === 'drift');
  const why = isDrift ? 'somebody changed it by hand' : 'its manifest changed';
  const stamp: Partial<Stamp> =
    restartAt === undefined ? {} : { intent: { kind: 'restart', at: restartAt }, applied: desired };
  const mounts = operations.some(({ path }) => path.startsWith('/devices')) ? { directories } : {};
  return [stepOn(instance, { kind: 'update', operations, stamp, ...mounts }, { why, patch, security })];
}

/** A restart is a stop that the intent explains, then the ordinary start of something that is stopped. */
function restartSteps(instance: OwnedInstance, isRestarting: boolean): Step[] {
  const isIntended = instance.stamp.intent?.kind === 'restart';
  if (!isIntended && !isRestarting) return [];
  const why = 'the change takes effect with a restart';
  const stop = stepOn(instance, { kind: 'power', to: 'stop', force: false }, { why });
  const clear = stepOn(
    instance,
    { kind: 'stamp', stamp: { intent: undefined, halted: true } },
    { why: 'it is stopped for its restart' },
  );
  return instance.power === 'stopped' ? [clear] : [stop, clear];
}
