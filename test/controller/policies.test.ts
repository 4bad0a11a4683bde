import { expect, test } from 'vitest';
import { Reservations } from '../../src/apply/reservations.ts';
import { allPolicies, policyOf } from '../../src/controller/policies.ts';
import type { Instance } from '../../src/host/incus/instance.ts';
import { InstanceCache } from '../../src/observe/instances.ts';
import { classify } from '../../src/observe/owned.ts';
import type { Manifest } from '../../src/spec/sandbox.ts';
import type { MonitoringChange } from '../../src/spec/monitoring.ts';
import { renderStamp } from '../../src/plan/stamp.ts';

const bridge = { name: 'coibr0', ipv4: '10.90.0.1/16' };
const uid = '01J0000000000000000000000A';
const nic = { host_name: 'coi00000000000a', hwaddr: '10:66:6a:c0:00:14', 'ipv4.address': '10.90.0.20' };

const applied = {
  image: 'busybox',
  network: { mode: 'restricted' },
  agent: '',
  protection: '',
  deletion: 'delete',
  profiles: [],
  config: {},
  devices: { eth0: nic },
} as const;

function owned(name: string): Instance {
  const stamp = { uid, name, instance: `coi-${name}`, source: 'dir-a', generation: 1, hash: 'h', applied };
  return {
    name: `coi-${name}`,
    state: 'running',
    status: 'Running',
    config: renderStamp(stamp),
    devices: { eth0: nic },
    expandedDevices: { eth0: nic },
    profiles: [],
  } as unknown as Instance;
}

const unknown = () => ({ kind: 'unknown', message: '' }) as const;

const notAsked = () => Promise.reject(new Error('not asked for'));

async function uidsWithRules(existing: readonly Instance[]): Promise<string[]> {
  const reader = { list: () => Promise.resolve(existing), get: notAsked, state: notAsked };
  const instances = new InstanceCache(reader);
  await instances.relist(0);
  const reservations = new Reservations();
  const reserved = reservations.reserve('one', { bridge, taken: [], network: { mode: 'restricted' } });
  const policies = allPolicies({
    instances,
    reservations,
    bridge,
    desired: unknown,
    overrides: () => [],
    now: () => 0,
  });
  return policies.map((policy) => (policy.uid === reserved.uid ? 'reserved' : policy.uid));
}

test('what is reserved has its rules before it exists', async () => {
  expect(await uidsWithRules([])).toEqual(['reserved']);
  expect(await uidsWithRules([owned('two')])).toEqual(['reserved', uid]);
});

test('a reservation beside an instance that was taken for gone has none', async () => {
  expect(await uidsWithRules([owned('one')])).toEqual([uid]);
});

test('what was put back to a snapshot has no rules of then while its manifest is not known', async () => {
  const reader = { list: () => Promise.resolve([]), get: notAsked, state: notAsked };
  const inputs = { instances: new InstanceCache(reader), reservations: new Reservations(), bridge };
  const rulesOf = ({ config, ...rest }: Instance, era: string) => {
    const instance = { ...rest, config: { ...config, 'volatile.uuid': 'a', 'volatile.uuid.generation': era } };
    const seen = { instance, owner: classify(instance), etag: undefined };
    return policyOf({ ...inputs, desired: unknown, overrides: () => [], now: () => 0 }, seen)?.rules;
  };
  expect(rulesOf(owned('one'), 'a')).toEqual({ mode: 'restricted' });
  expect(rulesOf(owned('one'), 'b')).toEqual({ mode: 'none' });
});

test('an instance is watched as its manifest says, and as before while that is not known', async () => {
  const reader = { list: () => Promise.resolve([]), get: notAsked, state: notAsked };
  const inputs = { instances: new InstanceCache(reader), reservations: new Reservations(), bridge };
  const one = owned('one');
  const seen = { instance: one, owner: classify(one), etag: undefined };
  const rest = { ...inputs, overrides: () => [], now: () => 0 };
  const holding = (value: string) => new Map([['inet flow' as const, new Map([[uid, { uid, value }]])]]);
  const whenUnknown = (elements?: () => ReturnType<typeof holding>) =>
    policyOf({ ...rest, desired: unknown, ...(elements && { elements }) }, seen)?.watched;
  expect(whenUnknown()).toBe(100);
  expect(whenUnknown(() => new Map())).toBeUndefined();
  expect(whenUnknown(() => holding('7'))).toBe(7);
  expect(whenUnknown(() => holding('was changed'))).toBeUndefined();
  const watchedWith = (monitoring: MonitoringChange) => {
    const manifest = { sandbox: { network: { mode: 'open' }, monitoring } } as unknown as Manifest;
    const desired = () => ({ kind: 'declared', manifest, sourceComplete: true }) as const;
    return policyOf({ ...rest, desired, elements: () => holding('7') }, seen)?.watched;
  };
  expect(watchedWith({})).toBe(100);
  expect(watchedWith({ network: { flowsPerSecond: 3 } })).toBe(3);
  expect(watchedWith({ network: { enabled: false } })).toBeUndefined();
  expect(watchedWith({ enabled: false })).toBeUndefined();
});
