import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { createBody } from '../../src/plan/render-instance.ts';
import type { Policy } from '../../src/spec/sandbox.ts';
import { endpoint, manifest, owned, uid, world } from './given.ts';

const origin = { instance: 'coi-web', snapshot: 'coi-fork-1' };
const copy = manifest({ origin });
const policy: Policy = { deletion: 'delete', drift: 'enforce', allow: 'in-place' };
const reservation = { uid, endpoint };

describe('a copy', () => {
  it('is made from its origin and needs no image', () => {
    const made = plan(world(copy, { reservation, imageExists: false, originExists: true }));
    const [create] = made.steps;
    if (create?.action.kind !== 'create') throw new Error(`not created, but ${create?.action.kind}`);
    const { view } = create.action;
    const stamp = { uid: '0', name: 'a', instance: 'b', source: 's', generation: 1, hash: 'h' };
    const body = createBody(copy, view, {
      stamp: { ...stamp, applied: view, intent: undefined, halted: false },
      start: false,
    });
    expect(body.source).toEqual({ type: 'copy', source: 'coi-web/coi-fork-1' });
  });

  it('of what is gone is not made from the image', () => {
    const made = plan(world(copy, { reservation, imageExists: true, originExists: false }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'OriginMissing', stalled: true } });
  });

  it('is not taken down for another image when nothing is left of its origin', () => {
    const before = manifest({ origin, policy: { ...policy, allow: 'recreate' } });
    const after = manifest({ origin, policy: { ...policy, allow: 'recreate' }, image: 'new' });
    const made = plan(world(after, { instance: owned(before), originExists: false }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'OriginMissing' } });
  });

  it('that was made half is made again', () => {
    const intent = { kind: 'create', at: 0 } as const;
    const instance = owned(copy, { power: 'stopped', createdHere: false, stamped: { intent } });
    const made = plan(world(copy, { instance, originExists: true }));
    expect(made.steps.at(-1)?.action.kind).toBe('delete');
    expect(made.block).toBeUndefined();
  });
});
