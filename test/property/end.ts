import { activeOverrides } from '../../src/plan/override.ts';
import { effectiveState } from '../../src/plan/effective-state.ts';
import type { Plan } from '../../src/plan/step.ts';
import type { OwnedInstance, World } from '../../src/plan/world.ts';
import type { Manifest, RunState } from '../../src/spec/sandbox.ts';
import { look, stampOf, type State } from './simulation.ts';
import { wrongFields } from './safety.ts';

/** Reasons why the controller may rest although something is not as declared. */
const accepted = new Set(['ForeignOwner', 'Ended', 'ImmutableChange']);

/** What is not as declared in a world in which the controller has come to rest; undefined when all is. */
export function endProblem(state: State, name: string, plan: Plan): string | undefined {
  const world = look(state, name);
  const isSuspended = world.overrides.some(({ kind }) => kind === 'suspend');
  return networkProblem(state) ?? (isSuspended ? undefined : sandboxProblem(world, plan));
}

function networkProblem({ instances, rules, memory }: State): string | undefined {
  const uids = instances.map((each) => stampOf(each)?.uid);
  const known = new Set([...uids, ...Object.values(memory.reservations).map(({ uid }) => uid)]);
  const orphan = Object.keys(rules).find((uid) => !known.has(uid));
  return orphan && `the rules of ${orphan}, which does not exist, are left`;
}

function sandboxProblem(world: World, plan: Plan): string | undefined {
  const { desired, instance, tombstone } = world;
  if (tombstone) return 'a tombstone is left';
  if (instance && instance.rules !== 'current') return 'its rules are not those of its policy';
  if (desired.kind === 'declared') return declaredProblem(world, desired.manifest, plan);
  return desired.kind === 'unknown' ? undefined : undeclaredProblem(world, desired);
}

type Undeclared = Extract<World['desired'], { kind: 'deleted' | 'missing' }>;

function undeclaredProblem({ instance, reservation }: World, desired: Undeclared): string | undefined {
  if (!instance) return reservation && 'addresses are set aside for nothing';
  const isKept = ['protect', 'orphan'].includes(instance.stamp.applied?.deletion ?? '');
  const isDoomed = desired.kind === 'deleted' || desired.verdict.kind === 'allowed';
  return isDoomed && !isKept ? 'it is still there' : undefined;
}

function declaredProblem(world: World, manifest: Manifest, { block }: Plan): string | undefined {
  const { instance, agent, now } = world;
  const overrides = activeOverrides(world.overrides, manifest.hash, now);
  if (block) return blockProblem(world, block.reason);
  const inputs = { overrides, scheduled: undefined, createdAt: instance?.createdAt, mayBeExtended: false, now };
  const { state } = effectiveState(manifest, inputs);
  if (!instance) return state === 'absent' ? undefined : 'there is no instance';
  const isAgentless = state === 'running' && agent.kind !== 'running' && manifest.sandbox.tool.command;
  return stateProblem(instance, state) ?? fieldProblem(instance, manifest) ?? (isAgentless ? 'no agent' : undefined);
}

function blockProblem({ nameTaken, instance }: World, reason: string): string | undefined {
  if (!accepted.has(reason)) return `it is blocked: ${reason}`;
  const isOthers = nameTaken !== undefined || (instance && !instance.endpoint);
  if (reason === 'ForeignOwner' && !isOthers) return 'it is taken for somebody else’s';
  return instance?.stamp.intent?.kind === 'create' ? 'it would be taken for a wreck' : undefined;
}

function stateProblem({ power, stamp }: OwnedInstance, state: RunState): string | undefined {
  if (state === 'absent') return 'it is still there';
  // A sandbox that somebody holds still is not started only to be held still.
  const mayBe = state === 'frozen' ? ['frozen', 'stopped'] : [state];
  if (!mayBe.includes(power)) return `it is ${power} and not ${state}`;
  return stamp.intent && `the intent to ${stamp.intent.kind} is left`;
}

function fieldProblem(instance: OwnedInstance, manifest: Manifest): string | undefined {
  if (instance.stamp.hash !== manifest.hash) return 'its stamp is not up to date';
  const wrong = manifest.sandbox.policy.drift === 'observe' ? [] : wrongFields(instance, manifest);
  return wrong.length > 0 ? `${wrong.join(', ')} is not as declared` : undefined;
}
