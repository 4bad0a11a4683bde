import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { convergeBlockPolicies, observeBlockPolicies, removeBlockPolicies } from '../../../src/host/xfrm/xfrm.ts';
import { bridge, inside, World } from '../nft/world.ts';

const nothing = { missing: [], stale: [] };
const foreign = ['src', '10.90.0.0/16', 'dst', '192.0.2.0/24', 'dir', 'fwd', 'action', 'block', 'priority', '7'];
let world: World;
const list = () => inside(world.host, 'ip', 'xfrm', 'policy');
const here = () => ({ bridge, namespace: world.host });

beforeEach(async () => {
  world = await World.make();
  // Without a port the bridge has no carrier, and without that no link-local address.
  await world.sandbox('01JABCDEFGHJKMNPQRSTVWXYZ0');
  await inside(world.host, 'ip', 'xfrm', 'policy', 'add', ...foreign);
});

afterEach(() => world[Symbol.asyncDispose]());

describe('block policies', () => {
  it('are added once, cover the link-local address, and leave others’ alone', async () => {
    const { missing, stale } = await convergeBlockPolicies(here());
    expect([missing.length, stale.length]).toEqual([7, 0]);
    expect(
      missing.filter(({ source, destination }) => source === 'fe80::/10' && destination.startsWith('fe80')),
    ).toHaveLength(1);
    expect(await observeBlockPolicies(here())).toEqual(nothing);
    const before = await list();
    expect(await convergeBlockPolicies(here())).toEqual(nothing);
    expect(await list()).toBe(before);
    expect(before).toContain('dst 192.0.2.0/24');
  });

  it('come back one by one, and follow the bridge to another prefix', async () => {
    await convergeBlockPolicies(here());
    const one = ['src', '10.90.0.0/16', 'dst', '0.0.0.0/0', 'dir', 'in'];
    await inside(world.host, 'ip', 'xfrm', 'policy', 'deleteall', ...one);
    expect((await convergeBlockPolicies(here())).missing).toMatchObject([{ source: '10.90.0.0/16', direction: 'in' }]);

    const moved = { bridge: { ...bridge, ipv4: '10.91.0.1/16' }, namespace: world.host };
    const { missing, stale } = await convergeBlockPolicies(moved);
    expect([missing.length, stale.length]).toEqual([2, 2]);
    expect(await observeBlockPolicies(moved)).toEqual(nothing);
  });

  it('are removed without a trace and without touching others’', async () => {
    await convergeBlockPolicies(here());
    await removeBlockPolicies(here());
    const left = await list();
    expect(left.match(/^src /gm)).toHaveLength(1);
    expect(left).toContain('dst 192.0.2.0/24');
  });

  it('leave the host’s talk with itself alone', async () => {
    const host = world.agent(world.host);
    await host.order({ do: 'serve', port: 8080 });
    await convergeBlockPolicies(here());
    expect(await host.order({ do: 'connect', host: '10.90.0.1', port: 8080 })).toBe('open');
    expect(await host.order({ do: 'connect', host: 'fd42:90::1', port: 8080 })).toBe('open');
  });
});
