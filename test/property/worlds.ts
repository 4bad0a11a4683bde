import { desiredView } from '../../src/plan/render-instance.ts';
import { renderStamp, tombstoneName, type Intent, type Stamp } from '../../src/plan/stamp.ts';
import type { Desired } from '../../src/plan/world.ts';
import type { Manifest, Sandbox } from '../../src/spec/sandbox.ts';
import type { NetworkMode } from '../../src/network/rules.ts';
import { manifest as manifestOf, now, placement } from '../plan/given.ts';
import { endpointFor, merged, noMemory, uidOf, type SimInstance, type State } from './simulation.ts';

/** What an instance may be at first. `tombstone` waits for its deletion under its other name. */
export const powers = [
  'absent',
  'creating',
  'half-made',
  'stopped',
  'running',
  'frozen',
  'error',
  'tombstone',
] as const;
export const owners = ['ours', 'foreign', 'unreadable'] as const;
export const ruleStates = ['right', 'drifted', 'missing'] as const;
export const intents = [undefined, 'create', 'delete', 'restart'] as const;
export const wishes = [
  'declared',
  'allowed',
  'Grace',
  'SourceIncomplete',
  'Guarded',
  'NeedsConfirm',
  'unknown',
  'deleted',
] as const;

/** One sandbox at first, as a choice in each dimension. */
export interface Choice {
  readonly power: (typeof powers)[number];
  readonly owner: (typeof owners)[number];
  readonly rules: (typeof ruleStates)[number];
  readonly intent: (typeof intents)[number];
  readonly wish: (typeof wishes)[number];
}

/** Every choice that differs from the others in something that exists. */
export function allChoices(): Choice[] {
  const choices: Choice[] = [];
  for (const wish of wishes) {
    choices.push({ power: 'absent', owner: 'ours', rules: 'missing', intent: undefined, wish });
    for (const power of powers.slice(1)) {
      for (const owner of power === 'tombstone' ? (['ours'] as const) : owners) {
        // Rules and intents are only read where they are ours.
        const rules = owner === 'ours' ? ruleStates : (['missing'] as const);
        for (const rule of rules)
          for (const intent of owner === 'ours' ? intents : ([undefined] as const))
            choices.push({ power, owner, rules: rule, intent, wish });
      }
    }
  }
  return choices;
}

/** What the sources say, for a wish. */
export function desiredFor(wish: Choice['wish'], manifest: Manifest): Desired {
  switch (wish) {
    case 'declared':
      return { kind: 'declared', manifest, sourceComplete: true };
    case 'deleted':
      return { kind: 'deleted' };
    case 'unknown':
      return { kind: 'unknown', message: 'the source cannot be read' };
    case 'allowed':
      return { kind: 'missing', verdict: { kind: 'allowed' } };
    case 'Grace':
    case 'SourceIncomplete':
      return { kind: 'missing', verdict: { kind: 'wait', reason: wish, message: 'not yet' } };
    case 'Guarded':
    case 'NeedsConfirm':
      return { kind: 'missing', verdict: { kind: 'held', reason: wish, message: 'ask a person' } };
  }
}

/** A manifest of a simulated sandbox. */
export function manifestFor(name: string, changes: Partial<Sandbox> = {}): Manifest {
  return { ...manifestOf({ tool: { command: ['agent'] }, ...changes }), name, instance: `coi-${name}` };
}

/** Sandboxes as chosen, beside an instance that is none of ours. Numbers of uids start at 1. */
export function worldOf(choices: Readonly<Record<string, Choice>>, changes: Partial<Sandbox> = {}): State {
  const instances: SimInstance[] = [bystander];
  const rules: Record<string, NetworkMode> = {};
  const desired: Record<string, Desired> = {};
  Object.entries(choices).forEach(([name, choice], index) => {
    const uid = uidOf(index + 1);
    const manifest = manifestFor(name, changes);
    desired[name] = desiredFor(choice.wish, manifest);
    if (choice.power === 'absent') return;
    instances.push(instanceFor(choice, manifest, uid));
    const mode = { right: manifest.sandbox.network.mode, drifted: 'open', missing: undefined }[choice.rules];
    if (mode && choice.owner === 'ours') rules[uid] = mode as NetworkMode;
  });
  instances.sort((a, b) => a.name.localeCompare(b.name));
  return { instances, rules, networkReady: true, memory: noMemory, desired, overrides: {} };
}

const bystander: SimInstance = {
  name: 'database',
  power: 'running',
  config: { 'limits.memory': '1GiB' },
  devices: {},
  profiles: ['default'],
  isWhole: true,
};

const powerAt = { creating: 'other', 'half-made': 'stopped', error: 'other', tombstone: 'stopped' } as const;

function instanceFor({ power, owner, intent }: Choice, manifest: Manifest, uid: string): SimInstance {
  const view = desiredView(manifest.sandbox, { uid, endpoint: endpointFor(uid) }, placement);
  const isTombstone = power === 'tombstone';
  // What was only just being created always says so: it is in the body of the request.
  const isNew = power === 'creating' || power === 'half-made';
  const kind = isNew ? 'create' : isTombstone ? 'delete' : intent;
  const stamp = stampFor(manifest, uid, kind && { kind, at: now - 1_000 });
  const keys = renderStamp({ ...stamp, applied: view });
  const stamped = { ours: keys, foreign: {}, unreadable: { ...keys, 'user.coi.applied': '{' } }[owner];
  return {
    name: isTombstone ? tombstoneName(uid) : manifest.instance,
    power: power in powerAt ? powerAt[power as keyof typeof powerAt] : (power as 'running'),
    config: merged(view.config, stamped),
    devices: view.devices,
    profiles: [],
    isWhole: !isNew,
    ...(power === 'creating' && { pending: intent === 'create' ? 'whole' : 'wreck' }),
  };
}

function stampFor({ name, instance, source, hash }: Manifest, uid: string, intent: Intent | undefined): Stamp {
  return { uid, name, instance, source, generation: 1, hash, applied: undefined, intent, halted: false };
}
