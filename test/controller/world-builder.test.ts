import { expect, test } from 'vitest';
import { Reservations } from '../../src/apply/reservations.ts';
import { Fights } from '../../src/controller/fights.ts';
import { WorldBuilder } from '../../src/controller/world-builder.ts';
import type { Instance } from '../../src/host/incus/instance.ts';
import { ImageAliases } from '../../src/observe/images.ts';
import { InstanceCache } from '../../src/observe/instances.ts';
import { plan } from '../../src/plan/plan.ts';
import type { World } from '../../src/plan/world.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { manifest, owned, placement } from '../plan/given.ts';

const { signal } = new AbortController();
const wish = manifest();
const { config, devices } = owned(wish);
const instance = {
  name: wish.instance,
  state: 'running',
  config,
  devices,
  expandedDevices: devices,
  profiles: [],
  createdAt: '2026-01-01T00:00:00Z',
  lastUsedAt: '2026-01-01T00:00:01Z',
} as unknown as Instance;

/** What somebody who looks afresh sees. `operation` is what Incus works on, asked about `asked` times. */
async function seen(init: {
  readonly existing?: Instance;
  readonly operation?: string;
  readonly hasImage?: boolean;
  readonly coming?: string;
}): Promise<{ readonly world: World; readonly asked: number }> {
  const { existing, operation, hasImage = true, coming } = init;
  let asked = 0;
  const instances = new InstanceCache({
    list: async () => (existing ? [existing] : []),
    get: async () => {
      if (existing) return { value: existing, etag: 'e' };
      throw Object.assign(new Error('there is none'), { class: 'gone' });
    },
    state: async () => ({ pid: 1 }),
  });
  await instances.relist(0);
  const clock = new FakeClock();
  const builder = new WorldBuilder({
    instances,
    clock,
    placement,
    reservations: new Reservations(),
    bridge: { name: 'coibr0', ipv4: '10.90.0.1/16' },
    overrides: () => [],
    desired: () => ({ kind: 'declared', manifest: wish, sourceComplete: true }),
    now: () => clock.now(),
    agents: { state: () => ({ kind: 'running' }) },
    images: new ImageAliases(async () => hasImage),
    imageComing: (alias) => (alias === wish.sandbox.image ? coming : undefined),
    originExists: async () => true,
    fights: new Fights(),
    elements: () => undefined,
    networkReady: () => true,
    isReady: () => true,
    mayExpire: () => true,
    isAbandoned: () => false,
    busy: async () => {
      asked += 1;
      return operation;
    },
  });
  return { world: await builder.fresh('a', signal), asked };
}

test('what Incus holds still while it copies its files is not thawed', async () => {
  const frozen = { ...instance, state: 'frozen' } as const;
  const { world } = await seen({ existing: frozen, operation: 'Snapshotting instance' });
  expect(world.instance).toMatchObject({ power: 'frozen', busy: 'Snapshotting instance' });
  expect(plan(world)).toMatchObject({ steps: [], block: { reason: 'WaitingOperation' } });
  const { world: byHand } = await seen({ existing: frozen });
  expect(byHand.instance).toMatchObject({ power: 'frozen', busy: undefined });
});

test('nobody asks what Incus works on where nothing is doubtful', async () => {
  expect((await seen({ existing: instance, operation: 'something' })).asked).toBe(0);
});

test('a sandbox waits for an image that somebody builds, and needs a person where nobody does', async () => {
  const { world } = await seen({ hasImage: false, coming: 'Its image "coi" is being built' });
  expect(plan(world).block).toEqual({
    reason: 'ImageBuilding',
    message: 'Its image "coi" is being built',
    stalled: false,
  });
  const { world: alone } = await seen({ hasImage: false });
  expect(plan(alone).block).toMatchObject({ reason: 'ImageMissing', stalled: true });
  const { world: fine } = await seen({ coming: 'Its image "coi" is being built' });
  expect(plan(fine).block?.reason).not.toBe('ImageBuilding');
});
