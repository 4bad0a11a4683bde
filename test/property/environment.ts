import type { Override } from '../../src/plan/override.ts';
import type { Desired } from '../../src/plan/world.ts';
import type { Sandbox } from '../../src/spec/sandbox.ts';
import { override } from '../plan/given.ts';
import { renderStamp } from '../../src/plan/stamp.ts';
import { edit, merged, noMemory, stampOf, type SimInstance, type State } from './simulation.ts';
import { desiredFor, manifestFor, wishes } from './worlds.ts';

/** Something that happens without the controller; undefined where it cannot happen or changes nothing. */
export type Event = (state: State) => State | undefined;

/** The sandbox that things happen to. */
const name = 'a';

function onInstance(change: (state: State, target: SimInstance) => State | undefined): Event {
  return (state) => {
    const target = state.instances.find((each) => each.name === `coi-${name}`);
    return target && !target.pending ? change(state, target) : undefined;
  };
}

function power(from: readonly SimInstance['power'][], to: SimInstance['power']): Event {
  return onInstance((state, target) => {
    // A half-made instance cannot be started by hand either: its root file system is not there.
    if (!from.includes(target.power) || !target.isWhole) return undefined;
    const next = edit(state, target, { power: to });
    const uid = stampOf(target)?.uid;
    const agents = next.memory.agents.filter((each) => to !== 'stopped' || each !== uid);
    return { ...next, memory: { ...next.memory, agents } };
  });
}

function config(changes: Readonly<Record<string, string>>): Event {
  return onInstance((state, target) => edit(state, target, { config: merged(target.config, changes) }));
}

function desire(desired: Desired): Event {
  return (state) => ({ ...state, desired: { ...state.desired, [name]: desired } });
}

/** Another manifest: what it says besides the one that is declared now. */
function declare(changes: Partial<Sandbox>): Event {
  return (state) => {
    const before = state.desired[name];
    const sandbox = before?.kind === 'declared' ? before.manifest.sandbox : {};
    const manifest = manifestFor(name, { ...sandbox, ...changes });
    return { ...state, desired: { ...state.desired, [name]: desiredFor('declared', manifest) } };
  };
}

function set(added: Override): Event {
  return (state) => {
    const before = state.overrides[name] ?? [];
    if (before.some(({ kind, state: most }) => kind === added.kind && most === added.state)) return undefined;
    return { ...state, overrides: { ...state.overrides, [name]: [...before, added] } };
  };
}

/** Of the time when it was being created, with other limits: what Incus brings back, with an id for the restore. */
const putBack = onInstance((state, target) => {
  if (!target.isWhole || !stampOf(target)) return undefined;
  const era = target.config['volatile.uuid.generation'] === 'once' ? 'again' : 'once';
  const then = renderStamp({
    era: undefined,
    intent: { kind: 'create', at: 1 },
    hash: 'then',
    generation: 1,
    halted: false,
  });
  const limits = { 'limits.memory': '5GiB', 'limits.cpu': '' };
  const next = edit(state, target, {
    config: merged(target.config, { ...then, ...limits, 'volatile.uuid.generation': era }),
  });
  const uid = stampOf(target)?.uid;
  return { ...next, memory: { ...next.memory, agents: next.memory.agents.filter((each) => each !== uid) } };
});

const foreign = { config: { 'user.owner': 'somebody' }, devices: {}, profiles: ['default'], isWhole: true } as const;

const byHand: Record<string, Event> = {
  stop: power(['running', 'frozen'], 'stopped'),
  start: power(['stopped'], 'running'),
  freeze: power(['running'], 'frozen'),
  break: power(['running', 'frozen'], 'other'),
  'set a limit': config({ 'limits.memory': '1GiB', 'limits.cpu': '7' }),
  'make it privileged': config({ 'security.privileged': 'true' }),
  'let it nest': config({ 'security.nesting': 'true' }),
  unprotect: config({ 'security.protection.delete': '' }),
  'remove its interface': onInstance((state, target) =>
    edit(state, target, { devices: { root: target.devices['root'] ?? {} } }),
  ),
  'add an interface': onInstance((state, target) =>
    edit(state, target, { devices: { ...target.devices, eth1: { type: 'nic', network: 'other' } } }),
  ),
  'add a profile': onInstance((state, target) => edit(state, target, { profiles: ['default'] })),
  delete: onInstance((state, target) => ({ ...state, instances: state.instances.filter((each) => each !== target) })),
  'delete and create another of that name': onInstance((state, target) =>
    edit(state, target, { ...foreign, power: 'running' }),
  ),
  'put it back to a snapshot': putBack,
  copy: onInstance((state, target) => {
    if (state.instances.some((each) => each.name === 'copy')) return undefined;
    const copy = { ...target, name: 'copy', power: 'stopped' } as const;
    return { ...state, instances: [...state.instances, copy] };
  }),
  rename: onInstance((state, target) =>
    target.power === 'stopped' ? edit(state, target, { name: 'mine' }) : undefined,
  ),
  'take the stamp off': onInstance((state, target) =>
    edit(state, target, {
      config: Object.fromEntries(Object.entries(target.config).filter(([key]) => !key.startsWith('user.coi.'))),
    }),
  ),
};

const onHost: Record<string, Event> = {
  'flush the ruleset': (state) => ({ ...state, rules: {}, networkReady: false }),
  'remove an element': ({ rules, ...state }) => {
    const [first, ...others] = Object.entries(rules);
    return first && { ...state, rules: Object.fromEntries(others) };
  },
  'crash of the controller': (state) => ({ ...state, memory: noMemory }),
};

const inSource: Record<string, Event> = {
  ...Object.fromEntries(wishes.map((wish) => [wish, desire(desiredFor(wish, manifestFor(name)))])),
  'declare a limit': declare({ limits: { memory: { limit: '2GiB' } } }),
  'declare another agent': declare({ tool: { command: ['other'] } }),
  'declare another image': declare({ image: 'other' }),
  'declare another network': declare({ network: { mode: 'none' } }),
  'declare it stopped': declare({ state: 'stopped' }),
  'declare it frozen': declare({ state: 'frozen' }),
  'declare it absent': declare({ state: 'absent' }),
};

function both(first: Event, second: Event): Event {
  return (state) => {
    const between = first(state);
    return between && second(between);
  };
}

const overriding: Record<string, Event> = {
  'suspend, edit isolation and limits': both(
    set(override.suspend),
    config({ 'security.privileged': 'true', 'boot.autostart': 'true', 'limits.memory': '3GiB' }),
  ),
  'declare a limit, suspend, edit isolation': both(
    both(declare({ limits: { memory: { limit: '2GiB' } } }), set(override.suspend)),
    config({ 'security.privileged': 'true' }),
  ),
  quarantine: set(override.quarantine),
  kill: set(override.kill),
  suspend: set(override.suspend),
  'lift all overrides': (state) =>
    (state.overrides[name] ?? []).length === 0
      ? undefined
      : { ...state, overrides: { ...state.overrides, [name]: [] } },
};

/** Everything that can happen between two steps. */
export const events: readonly (readonly [what: string, event: Event])[] = Object.entries({
  ...byHand,
  ...onHost,
  ...inSource,
  ...overriding,
});
