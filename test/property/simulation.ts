import jsonpatch from 'fast-json-patch';
import { allPolicies, policyOf, type PolicyInputs } from '../../src/controller/policies.ts';
import type { Instance } from '../../src/host/incus/instance.ts';
import type { Bridge, Endpoint } from '../../src/network/policy.ts';
import { classify, endpointOf, type Classified } from '../../src/observe/owned.ts';
import type { SeenInstance } from '../../src/observe/instances.ts';
import type { Override } from '../../src/plan/override.ts';
import { createBody, type Reservation } from '../../src/plan/render-instance.ts';
import { renderStamp, strayEra, tombstoneName, type Stamp } from '../../src/plan/stamp.ts';
import type { Action, Step } from '../../src/plan/step.ts';
import type { Desired, OwnedInstance, Power, World } from '../../src/plan/world.ts';
import type { NetworkMode } from '../../src/network/rules.ts';
import { now, placement } from '../plan/given.ts';

type Texts = Readonly<Record<string, string>>;

/** One instance of the simulated Incus. */
export interface SimInstance {
  readonly name: string;
  readonly power: Power;
  readonly config: Texts;
  readonly devices: Readonly<Record<string, Texts>>;
  readonly profiles: readonly string[];
  /** Whether its creation came to its end: what is not whole must never run. */
  readonly isWhole: boolean;
  /** How the operation that runs on it will end. */
  readonly pending?: 'whole' | 'wreck';
}

interface Reserved extends Reservation {
  readonly network: NetworkMode;
}

/** What the controller forgets when it dies. */
export interface Memory {
  readonly reservations: Readonly<Record<string, Reserved>>;
  readonly created: readonly string[];
  readonly agents: readonly string[];
}

/** Everything there is. Never changed in place: a step makes a new one. */
export interface State {
  readonly instances: readonly SimInstance[];
  /** Mode of the rules that are loaded, by uid. */
  readonly rules: Readonly<Record<string, NetworkMode>>;
  readonly networkReady: boolean;
  readonly memory: Memory;
  readonly desired: Readonly<Record<string, Desired>>;
  readonly overrides: Readonly<Record<string, readonly Override[]>>;
}

export const noMemory: Memory = { reservations: {}, created: [], agents: [] };
export const bridge: Bridge = { name: 'coibr0', ipv4: '10.90.0.1/16' };

/** The uid with this number. */
export function uidOf(number: number): string {
  return `01SIM${String(number).padStart(21, '0')}`;
}

/** Addresses that belong to a uid. */
export function endpointFor(uid: string): Endpoint {
  const number = Number(uid.slice(5));
  return { port: `coi${number}`, mac: `10:66:6a:00:00:0${number}`, ipv4: `10.90.0.${number + 10}` };
}

const classified = new WeakMap<SimInstance, Classified>();

/** Who an instance says it belongs to, by the product's own rules. */
export function ownerOf(instance: SimInstance): Classified {
  let owner = classified.get(instance);
  if (!owner) {
    owner = classify({ name: instance.name, config: instance.config } as Instance);
    classified.set(instance, owner);
  }
  return owner;
}

export function stampOf(instance: SimInstance): Stamp | undefined {
  const owner = ownerOf(instance);
  return owner.kind === 'owned' ? owner.stamp : undefined;
}

/** The policies that are to be loaded, by the product's own rules. */
function inputsOf(state: State): PolicyInputs {
  const all = state.instances.map(asSeen);
  const inputs = {
    bridge,
    instances: {
      all: () => all,
      ofSandbox: (name: string) => all.filter(({ owner }) => owner.kind === 'owned' && owner.stamp.name === name),
    },
    reservations: {
      named: () =>
        Object.entries(state.memory.reservations).map(([name, { network, ...reserved }]) => [
          name,
          { ...reserved, network: { mode: network } },
        ]),
    },
    desired: (name: string) => state.desired[name] ?? { kind: 'deleted' },
    overrides: (name: string) => state.overrides[name] ?? [],
    now: () => now,
  };
  return inputs as unknown as PolicyInputs;
}

function asSeen(instance: SimInstance): SeenInstance {
  return { owner: ownerOf(instance), instance, etag: undefined } as unknown as SeenInstance;
}

/** The mode of an instance's rules as it should be; undefined for what is not ours. */
export function wantedMode(state: State, instance: SimInstance): NetworkMode | undefined {
  return policyOf(inputsOf(state), asSeen(instance))?.rules.mode;
}

/** What the controller sees of one sandbox. */
export function look(state: State, name: string): World {
  const desired = state.desired[name] ?? { kind: 'deleted' };
  const mine = state.instances.filter((instance) => stampOf(instance)?.name === name);
  const instance = mine.find((each) => !isTombstone(each));
  const tombstone = mine.find(isTombstone);
  const uid = instance && stampOf(instance)?.uid;
  return {
    name,
    desired,
    instance: instance && seen(state, instance),
    tombstone: tombstone && seen(state, tombstone),
    nameTaken: nameTaken(state, desired),
    reservation: reservationFor(state, name, desired),
    networkReady: state.networkReady,
    workspace: undefined,
    protection: undefined,
    imageExists: true,
    overrides: state.overrides[name] ?? [],
    dependencies: [],
    scheduled: undefined,
    agent: { kind: uid !== undefined && state.memory.agents.includes(uid) ? 'running' : 'absent' },
    placement,
    mayExpire: true,
    fighting: [],
    now,
  };
}

function isTombstone(instance: SimInstance): boolean {
  const owner = ownerOf(instance);
  return owner.kind === 'owned' && owner.isTombstone;
}

/** Where something is to be created, only with its rules loaded. */
function reservationFor(
  { memory, rules, networkReady }: State,
  name: string,
  desired: Desired,
): Reservation | undefined {
  const reserved = memory.reservations[name];
  if (desired.kind !== 'declared') return reserved;
  const { mode } = desired.manifest.sandbox.network;
  const isUsable = networkReady && reserved?.network === mode && rules[reserved.uid] === mode;
  return isUsable ? reserved : undefined;
}

function nameTaken({ instances }: State, desired: Desired): string | undefined {
  if (desired.kind !== 'declared') return undefined;
  const { name, instance } = desired.manifest;
  const found = instances.find((each) => each.name === instance);
  return found && stampOf(found)?.name !== name ? 'somebody else has the name' : undefined;
}

function seen(state: State, instance: SimInstance): OwnedInstance {
  const stamp = stampOf(instance)!;
  const { name, power, config, devices, profiles } = instance;
  const wanted = wantedMode(state, instance);
  const isCurrent = wanted === undefined || state.rules[stamp.uid] === wanted;
  const era = isTombstone(instance) ? undefined : strayEra(config, stamp);
  return {
    name,
    power,
    stamp: era === undefined ? stamp : { ...stamp, intent: undefined },
    ...(era !== undefined && { strayEra: era }),
    config,
    devices,
    profiles,
    endpoint: endpointOf(stamp, bridge),
    createdAt: now - 1_000,
    createdHere: state.memory.created.includes(stamp.uid),
    lostPower: false,
    busy: instance.pending ? 'Creating instance' : undefined,
    rules: !state.networkReady ? 'unknown' : isCurrent ? 'current' : 'drifted',
  };
}

/** What became of a step. `refused` says why nothing was changed. */
export interface Outcome {
  readonly state: State;
  readonly refused?: string;
}

/** Carry out one step as Incus would, with everything it refuses. */
export function apply(state: State, step: Step, name: string): Outcome {
  const { action, precondition } = step;
  if (precondition.uid === undefined || action.kind === 'release')
    return runners[action.kind](state, action as never, { step, name });
  const target = state.instances.find((each) => each.name === step.instance);
  if (!target || stampOf(target)?.uid !== precondition.uid) return { state, refused: 'another instance' };
  if (target.pending && action.kind !== 'rules') return { state, refused: 'Instance is busy' };
  return runners[action.kind](state, action as never, { step, name, target });
}

interface Context {
  readonly step: Step;
  readonly name: string;
  readonly target?: SimInstance;
}

type Runners = {
  readonly [Kind in Action['kind']]: (
    state: State,
    action: Extract<Action, { kind: Kind }>,
    context: Context,
  ) => Outcome;
};

const runners: Runners = {
  reserve: (state, { network: { mode } }, { name }) => {
    const before = state.memory.reservations[name];
    const uid = before?.uid ?? freshUid(state);
    const reserved = { uid, endpoint: endpointFor(uid), network: mode };
    const reservations = sorted({ ...state.memory.reservations, [name]: reserved });
    return loaded({ ...state, memory: { ...state.memory, reservations } }, uid, mode);
  },
  rules: (state, { uid, network }) => loaded(state, uid, network.mode),
  create: (state, action) => created(state, action, true),
  power: (state, { to }, { target }) => powered(state, target!, to),
  update: (state, { operations, stamp }, { target }) => {
    const { config, devices, profiles } = target!;
    const document = structuredClone({ config, devices, profiles });
    if (jsonpatch.validate([...operations], document)) return { state, refused: 'the patch does not fit any more' };
    const { newDocument } = jsonpatch.applyPatch(document, [...operations]);
    return { state: edit(state, target!, { ...newDocument, config: merged(newDocument.config, renderStamp(stamp)) }) };
  },
  stamp: (state, { stamp }, { target, name }) => {
    const next = edit(state, target!, { config: merged(target!.config, renderStamp(stamp)) });
    if (!('intent' in stamp) || stamp.intent !== undefined) return { state: next };
    const reservations = lacking(next.memory.reservations, name);
    return { state: { ...next, memory: { ...next.memory, reservations } } };
  },
  restamp: (state, { stamp }, { target }) => ({
    state: edit(state, target!, { config: merged(target!.config, renderStamp(stamp)) }),
  }),
  save: (state, _action, { target }) => {
    if (target!.power !== 'stopped') return { state, refused: 'what runs may still change' };
    return { state: edit(state, target!, { config: merged(target!.config, renderStamp({ saved: now })) }) };
  },
  tombstone: (state, _action, { target }) => {
    if (target!.power !== 'stopped') return { state, refused: 'renaming a running instance is refused' };
    const name = tombstoneName(stampOf(target!)!.uid);
    if (state.instances.some((each) => each.name === name)) return { state, refused: 'the name is taken' };
    return { state: edit(state, target!, { name }) };
  },
  unprotect: (state, _action, { target }) => ({
    state: edit(state, target!, { config: merged(target!.config, { 'security.protection.delete': '' }) }),
  }),
  delete: (state, _action, { target }) => {
    if (target!.config['security.protection.delete'] === 'true') return { state, refused: 'it is protected' };
    if (target!.power === 'running' || target!.power === 'frozen') return { state, refused: 'Instance is running' };
    const instances = state.instances.filter((each) => each !== target);
    return { state: letGo({ ...state, instances }, stampOf(target!)!.uid) };
  },
  release: (state, { uid }) => ({ state: letGo(state, uid) }),
  agent: (state, _action, { target }) => {
    if (target?.power !== 'running') return { state, refused: 'Instance is not running' };
    const agents = [...new Set([...state.memory.agents, stampOf(target)!.uid])].sort();
    return { state: { ...state, memory: { ...state.memory, agents } } };
  },
  restore: (state) => ({ state }),
  expire: (state, { hash }, { name }) => {
    const expired = { kind: 'expired', state: 'absent', reason: 'lifetime', by: 'controller', at: now, hash } as const;
    return withOverride(state, name, expired);
  },
  quarantine: (state, { reason }, { name }) => {
    return withOverride(state, name, { kind: 'quarantine', state: 'frozen', reason, by: 'controller', at: now });
  },
  uncover: (state) => ({ state }),
};

function withOverride(state: State, name: string, override: Override): Outcome {
  const overrides = { ...state.overrides, [name]: [...(state.overrides[name] ?? []), override] };
  return { state: { ...state, overrides } };
}

function letGo(state: State, uid: string): State {
  const kept = Object.entries(state.memory.reservations).filter(([, reserved]) => reserved.uid !== uid);
  const memory = { ...without(state.memory, uid), reservations: Object.fromEntries(kept) };
  return { ...state, rules: lacking(state.rules, uid), memory };
}

function loaded(state: State, uid: string, mode: NetworkMode): Outcome {
  return { state: { ...state, rules: sorted({ ...state.rules, [uid]: mode }) } };
}

/** One request creates and starts; `isWhole` false is what a crash in the middle leaves behind. */
export function created(state: State, action: Extract<Action, { kind: 'create' }>, isWhole: boolean): Outcome {
  const { manifest, view, reservation, generation, start } = action;
  if (state.instances.some(({ name }) => name === manifest.instance))
    return { state, refused: 'UNIQUE constraint failed' };
  const stamp: Stamp = {
    uid: reservation.uid,
    name: manifest.name,
    instance: manifest.instance,
    source: manifest.source,
    generation,
    hash: manifest.hash,
    applied: view,
    intent: { kind: 'create', at: now },
    halted: false,
  };
  const { name, config, devices, profiles } = createBody(manifest, view, { stamp, start });
  const power = isWhole && start ? 'running' : 'stopped';
  const instance: SimInstance = { name, power, config: merged(config, {}), devices, profiles, isWhole };
  const instances = [...state.instances, instance].sort((a, b) => a.name.localeCompare(b.name));
  // A uid may be tried twice: what is remembered is how its last creation went.
  const others = state.memory.created.filter((each) => each !== reservation.uid);
  const memory = { ...state.memory, created: isWhole ? [...others, reservation.uid].sort() : others };
  return { state: { ...state, instances, memory } };
}

const afterPower = { start: 'running', stop: 'stopped', freeze: 'frozen', unfreeze: 'running' } as const;
const powersFor = {
  start: ['stopped'],
  stop: ['running', 'frozen', 'other'],
  freeze: ['running'],
  unfreeze: ['frozen'],
};

function powered(state: State, target: SimInstance, to: keyof typeof afterPower): Outcome {
  // Being so already is success.
  if (target.power === afterPower[to]) return { state };
  if (!powersFor[to].includes(target.power)) return { state, refused: `cannot ${to} what is ${target.power}` };
  const next = edit(state, target, { power: afterPower[to] });
  const uid = stampOf(target)?.uid ?? '';
  const agents = next.memory.agents.filter((each) => each !== uid);
  return { state: to === 'stop' ? { ...next, memory: { ...next.memory, agents } } : next };
}

/** The operation that runs on an instance comes to its end. */
export function finishPending(state: State, target: SimInstance): State {
  const { pending, ...rest } = target;
  const isWhole = pending === 'whole';
  const done = { ...rest, isWhole, power: isWhole ? 'running' : 'stopped' } as const;
  return { ...state, instances: state.instances.map((each) => (each === target ? done : each)) };
}

/** What the controller does about tables that are not as they should be: everything is loaded anew, orphans go. */
export function repairNetwork(state: State): State {
  const wanted = allPolicies(inputsOf(state)).map(({ uid, rules }) => [uid, rules.mode] as const);
  return { ...state, networkReady: true, rules: sorted(Object.fromEntries(wanted)) };
}

/** Replace an instance by a changed one; values that did not change are kept. */
export function edit(state: State, target: SimInstance, changes: Partial<SimInstance>): State {
  const instances = state.instances.map((each) => (each === target ? { ...each, ...changes } : each));
  return { ...state, instances: instances.sort((a, b) => a.name.localeCompare(b.name)) };
}

/** Configuration as PATCH merges it: an empty text removes a key. */
export function merged(config: Texts, changes: Texts): Texts {
  return sorted(Object.fromEntries(Object.entries({ ...config, ...changes }).filter(([, value]) => value !== '')));
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function lacking<T>(record: Readonly<Record<string, T>>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}

function without(memory: Memory, uid: string): Memory {
  const others = (uids: readonly string[]) => uids.filter((each) => each !== uid);
  return { ...memory, created: others(memory.created), agents: others(memory.agents) };
}

/** The smallest uid that nothing speaks of: keeps the number of different states small. */
function freshUid(state: State): string {
  const text = JSON.stringify(state);
  let number = 1;
  while (text.includes(uidOf(number))) number += 1;
  return uidOf(number);
}
