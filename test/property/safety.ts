import assert from 'node:assert/strict';
import type { Plan, Step } from '../../src/plan/step.ts';
import type { OwnedInstance, World } from '../../src/plan/world.ts';
import { differences } from '../../src/plan/difference.ts';
import { desiredView } from '../../src/plan/render-instance.ts';
import { nameOf, placement } from '../plan/given.ts';
import { ownerOf, stampOf, type SimInstance, type State } from './simulation.ts';

const destructive = new Set(['tombstone', 'unprotect', 'delete']);
const rising = new Set(['start', 'unfreeze']);

/** Whether a plan keeps to what must never be broken, as far as the look it was made from can tell. */
export function judgePlan(world: World, plan: Plan): void {
  for (const step of plan.steps) {
    ownOnly(world, step);
    believesAbsence(world, step);
    respectsSuspension(world, step);
  }
  const [first] = plan.steps;
  if (!first) return;
  hasRules(world, first);
  keepsRules(world, first);
  clearsIntentLast(world, first);
}

/** S1: what is changed or deleted is ours by uid, and what has no instance yet is made under a free name. */
function ownOnly({ instance, tombstone, nameTaken }: World, { action, precondition, ...step }: Step): void {
  const mine = [instance, tombstone].find((each) => each && each.stamp.uid === precondition.uid);
  if (precondition.uid !== undefined) {
    assert(mine?.name === step.instance || action.kind === 'release', `S1: ${action.kind} on ${step.instance}`);
    return;
  }
  const isHarmless = ['reserve', 'create', 'agent', 'release'].includes(action.kind);
  assert(isHarmless && precondition.absent === step.instance, `S1: ${action.kind} without a uid`);
  assert(!nameTaken || action.kind === 'release', `S1: ${action.kind} under a name that is taken`);
}

/** S5 and S7: no deletion that the guard holds, and none that is concluded from an incomplete source. */
function believesAbsence({ desired, tombstone }: World, { action, precondition }: Step): void {
  // A tombstone was judged when it was made one.
  if (!destructive.has(action.kind) || precondition.uid === tombstone?.stamp.uid) return;
  assert(desired.kind !== 'unknown', `S7: ${action.kind} while the source is unknown`);
  if (desired.kind !== 'missing') return;
  const { verdict } = desired;
  const rule = verdict.kind !== 'allowed' && verdict.reason === 'SourceIncomplete' ? 'S7' : 'S5';
  assert(verdict.kind === 'allowed', `${rule}: ${action.kind} against the guard's verdict`);
}

const isolating = [
  '/devices/eth0',
  '/devices/eth1',
  '/config/raw.',
  '/config/security.',
  '/config/boot.autostart',
  '/profiles',
];

/** S6: while suspended only what isolation needs goes on, and it takes nothing else along. */
function respectsSuspension({ overrides }: World, { action, security }: Step): void {
  if (!overrides.some(({ kind }) => kind === 'suspend')) return;
  assert(security, `S6: ${action.kind} while suspended`);
  if (action.kind !== 'update') return;
  const others = action.operations.filter(({ path }) => !isolating.some((prefix) => path.startsWith(prefix)));
  assert.deepEqual(others, [], 'S6: a security update takes something else along');
}

/** S2: nothing runs that did not before, unless its rules are known to be loaded. */
function hasRules({ instance, reservation, networkReady }: World, step: Step): void {
  if (rising.has(nameOf(step)))
    assert(networkReady && instance?.rules === 'current', 'S2: it would run without its rules');
  if (step.action.kind === 'create') assert(networkReady && reservation, 'S2: it would be created without its rules');
}

/** S8: the rules of what exists stay, whatever it is doing. */
function keepsRules({ instance, tombstone }: World, { action }: Step): void {
  if (action.kind !== 'release') return;
  assert(![instance, tombstone].some((each) => each?.stamp.uid === action.uid), 'S8: rules of what exists removed');
}

/** S9: an intent is cleared only when what it was about was seen to be so. */
function clearsIntentLast({ instance, desired }: World, { action }: Step): void {
  const kind = instance?.stamp.intent?.kind;
  if (action.kind !== 'stamp' || !('intent' in action.stamp) || action.stamp.intent || !instance || !kind) return;
  assert(desired.kind === 'declared', `S9: intent ${kind} cleared of what is not declared`);
  const { power, createdHere } = instance;
  const isSo = {
    create: createdHere || power === 'running' || power === 'frozen',
    restart: power === 'stopped',
    // It is declared again: what cleared it is that nobody wants it deleted any more.
    delete: true,
  };
  assert(isSo[kind], `S9: intent ${kind} cleared before that was seen to be done`);
}

/** Fields of an instance that are not as its manifest says. */
export function wrongFields(instance: OwnedInstance, { sandbox }: { sandbox: Parameters<typeof desiredView>[0] }) {
  if (!instance.endpoint) return ['/devices/eth0'];
  const desired = desiredView(sandbox, { uid: instance.stamp.uid, endpoint: instance.endpoint }, placement);
  return differences(instance, desired, desired).map(({ path }) => path);
}

/** What the controller's own step may not have done, whatever happened between its look and the step. */
export function judgeChange(before: State, after: State): void {
  for (const instance of before.instances) {
    const isKept = ownerOf(instance).kind === 'owned' || after.instances.includes(instance);
    assert(isKept, `S4: ${instance.name}, which is not ours, was changed`);
  }
  const uids = after.instances.flatMap((each) => stampOf(each)?.uid ?? []);
  assert(new Set(uids).size === uids.length, 'S3: two instances with one uid');
  const lost = uids.filter((uid) => before.rules[uid] !== undefined && after.rules[uid] === undefined);
  assert.deepEqual(lost, [], 'S8: rules of what exists were removed');
  for (const instance of after.instances) if (!instance.isWhole) staysWreck(instance);
}

/** What was never finished is told by its intent until it is gone, and never runs. */
function staysWreck(instance: SimInstance): void {
  const { name, power, pending } = instance;
  const stamp = stampOf(instance);
  if (!stamp || pending) return;
  assert(power === 'stopped', `S9: ${name} was started although its creation never ended`);
  assert(stamp.intent?.kind === 'create', `S9: nothing tells any more that ${name} is a wreck`);
}
