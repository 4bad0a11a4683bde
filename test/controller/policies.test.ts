import { expect, test } from 'vitest';
import { Reservations } from '../../src/apply/reservations.ts';
import { allPolicies, policyOf } from '../../src/controller/policies.ts';
import type { Instance } from '../../src/host/incus/instance.ts';
import { InstanceCache } from '../../src/observe/instances.ts';
import { classify } from '../../src/observe/owned.ts';
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
