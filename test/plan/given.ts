import { desiredView, type Placement } from '../../src/plan/render-instance.ts';
import type { Override } from '../../src/plan/override.ts';
import { renderStamp, tombstoneName, type Stamp } from '../../src/plan/stamp.ts';
import type { Plan, Step } from '../../src/plan/step.ts';
import type { Desired, OwnedInstance, World } from '../../src/plan/world.ts';
import type { Endpoint } from '../../src/network/policy.ts';
import type { Manifest, Sandbox } from '../../src/spec/sandbox.ts';

export const uid = '01JZZZZZZZZZZZZZZZZZZZZZZZ';
export const now = Date.parse('2026-03-01T12:00:00Z');
export const placement: Placement = { network: 'coibr0', storagePool: 'default', workspaces: '/run/coi/workspaces' };
export const endpoint: Endpoint = { port: 'coi1234567890', mac: '10:66:6a:01:02:03', ipv4: '10.90.0.7' };

/** A sandbox with every default, and what a test cares about. */
export function sandbox(changes: Partial<Sandbox> = {}): Sandbox {
  return {
    image: 'coi',
    state: 'running',
    persistent: false,
    restart: 'always',
    tool: {},
    network: { mode: 'restricted' },
    limits: {},
    policy: { deletion: 'delete', drift: 'enforce', allow: 'in-place' },
    dependsOn: [],
    codeUser: { uid: 1000, name: 'code' },
    shift: true,
    ...changes,
  };
}

/** A manifest; its hash tells manifests with another meaning apart. */
export function manifest(changes: Partial<Sandbox> = {}): Manifest {
  const whole = sandbox(changes);
  return {
    name: 'a',
    instance: 'coi-a',
    sandbox: whole,
    source: 'directory:test',
    position: { file: 'a.toml', line: 1 },
    hash: JSON.stringify(whole),
  };
}

/** An instance just as `as` asks for, running, and what a test changes about it. */
export function owned(as: Manifest, changes: Partial<OwnedInstance> & { readonly stamped?: Partial<Stamp> } = {}) {
  const view = desiredView(as.sandbox, { uid, endpoint }, placement);
  const { stamped, ...rest } = changes;
  const stamp: Stamp = {
    uid,
    name: as.name,
    instance: as.instance,
    source: as.source,
    generation: 1,
    hash: as.hash,
    applied: view,
    intent: undefined,
    halted: false,
    ...stamped,
  };
  const instance: OwnedInstance = {
    name: as.instance,
    power: 'running',
    stamp,
    endpoint,
    createdAt: now - 60_000,
    createdHere: false,
    lostPower: false,
    busy: undefined,
    rules: 'current',
    profiles: [],
    config: { ...view.config, ...renderStamp(stamp) },
    devices: view.devices,
    ...rest,
  };
  return instance;
}

/** An instance that already waits for its deletion under its other name. */
export function tombstoned(as: Manifest, changes: Parameters<typeof owned>[1] = {}): OwnedInstance {
  const stamped = { intent: { kind: 'delete', at: now - 1_000 }, ...changes.stamped } as const;
  return owned(as, { power: 'stopped', name: tombstoneName(uid), ...changes, stamped });
}

/** A world in which nothing stands in the way, and what a test changes about it. */
export function world(desired: Desired | Manifest, changes: Partial<World> = {}): World {
  return {
    name: 'a',
    desired: 'kind' in desired ? desired : { kind: 'declared', manifest: desired, sourceComplete: true },
    instance: undefined,
    tombstone: undefined,
    nameTaken: undefined,
    reservation: undefined,
    networkReady: true,
    workspace: undefined,
    protection: undefined,
    imageExists: true,
    overrides: [],
    dependencies: [],
    scheduled: undefined,
    agent: { kind: 'running' },
    placement,
    mayExpire: true,
    fighting: [],
    now,
    ...changes,
  };
}

export const override = {
  quarantine: { kind: 'quarantine', state: 'frozen', reason: 'it scanned ports', by: 'monitor', at: now - 1_000 },
  kill: { kind: 'quarantine', state: 'stopped', reason: 'it scanned ports', by: 'monitor', at: now - 1_000 },
  network: { kind: 'quarantine', reason: 'it scanned ports', by: 'monitor', at: now - 1_000 },
  freeze: { kind: 'freeze', state: 'frozen', reason: 'by command', by: 'ann', at: now - 1_000 },
  suspend: { kind: 'suspend', reason: 'looking into it', by: 'ann', at: now - 1_000 },
} as const satisfies Record<string, Override>;

/** Names of steps, in order: power steps by what they do. */
export function names({ steps }: Plan): string[] {
  return steps.map(nameOf);
}

export function nameOf({ action }: Step): string {
  return action.kind === 'power' ? action.to : action.kind;
}
