import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { strayEra } from '../../src/plan/stamp.ts';
import type { Action } from '../../src/plan/step.ts';
import { manifest, names, now, override, owned, world } from './given.ts';

const as = manifest({ network: { mode: 'open' } });
const session = { id: 'x', tool: 'claude', owner: 0, workspace: '', persistent: true, user: 'code' };
const era = 'restored-once';

function restamped(changes: Parameters<typeof owned>[1], given: Parameters<typeof world>[1] = {}) {
  const made = plan(world(as, { instance: owned(as, { strayEra: era, ...changes }), ...given }));
  const [first] = made.steps;
  expect(first).toMatchObject({ action: { kind: 'restamp' }, security: true });
  const { stamp, isStopped } = first!.action as Extract<Action, { kind: 'restamp' }>;
  return { stamp, isStopped, names: names(made) };
}

describe('an instance that was put back to a snapshot', () => {
  it('is known by the id that Incus gives it then, until its stamp has that', () => {
    const uuid = 'volatile.uuid';
    expect(strayEra({ [uuid]: 'a', [`${uuid}.generation`]: 'a' }, {})).toBeUndefined();
    expect(strayEra({ [uuid]: 'a', [`${uuid}.generation`]: 'b' }, {})).toBe('b');
    expect(strayEra({ [uuid]: 'a', [`${uuid}.generation`]: 'b' }, { era: 'b' })).toBeUndefined();
    expect(strayEra({ [uuid]: 'a', [`${uuid}.generation`]: 'c' }, { era: 'b' })).toBe('c');
    expect(strayEra({}, {})).toBeUndefined();
  });

  it('is stamped anew before anything else, whatever is wanted of it, also while suspended', () => {
    expect(restamped({}).names).toEqual(['restamp']);
    expect(restamped({}, { overrides: [override.suspend] }).names).toEqual(['restamp']);
    expect(restamped({}, { desired: { kind: 'deleted' } }).names[0]).toBe('restamp');
    expect(restamped({}, { desired: { kind: 'unknown', message: 'unreadable' } }).names).toEqual(['restamp']);
    expect(names(plan(world(as, { instance: owned(as) })))).toEqual([]);
  });

  it('starts again where it was started with what was declared then, though its policy allows no restart', () => {
    const old = { stamped: { hash: 'of another manifest', generation: 3 } };
    expect(restamped(old).stamp).toMatchObject({ era, intent: { kind: 'restart', at: now } });
    expect(restamped({ ...old, power: 'stopped' }).stamp.intent).toBeUndefined();
    expect(restamped({}).stamp).toMatchObject({ era, intent: undefined });
    const unknown = restamped({}, { desired: { kind: 'unknown', message: 'unreadable' } });
    expect(unknown.stamp.intent).toEqual({ kind: 'restart', at: now });
    const next = world(as, { instance: owned(as, { stamped: { ...old.stamped, era, ...restamped(old).stamp } }) });
    expect(names(plan(next))).toContain('stop');
    expect(plan(next).block).toBeUndefined();
  });

  it('is no wreck and not on its way out, whatever was intended when the snapshot was made', () => {
    for (const power of ['running', 'stopped'] as const) {
      const { names: steps, stamp } = restamped({ power });
      expect(steps).not.toContain('delete');
      expect(stamp).toHaveProperty('intent', undefined);
    }
  });

  it('has the rules of its manifest, and none while that is not known', () => {
    const rules = (given: Parameters<typeof world>[1]) =>
      plan(world(as, { instance: owned(as, { strayEra: era, rules: 'drifted' }), ...given })).steps.flatMap(
        ({ action }) => (action.kind === 'rules' ? [action.network] : []),
      );
    expect(rules({})).toEqual([{ mode: 'open' }]);
    expect(rules({ desired: { kind: 'unknown', message: 'unreadable' } })).toEqual([{ mode: 'none' }]);
    expect(restamped({}).stamp.applied?.network).toEqual({ mode: 'open' });
    const unknown = restamped({}, { desired: { kind: 'unknown', message: 'unreadable' } });
    expect(unknown.stamp.applied?.network).toEqual({ mode: 'none' });
  });

  it('is not saved over what is newer before anything ran in it', () => {
    const startedAt = now - 5_000;
    const still = restamped({ power: 'stopped', startedAt, stamped: { session, restored: session.id, saved: 1 } });
    expect(still).toMatchObject({ isStopped: true, stamp: { saved: now } });
    const running = restamped({ startedAt, stamped: { session, restored: session.id, saved: 1, started: 2 } });
    expect(running).toMatchObject({ isStopped: false, stamp: { started: startedAt } });
    expect(running.stamp).not.toHaveProperty('saved');
    expect(restamped({ power: 'stopped', startedAt }).stamp).not.toHaveProperty('saved');
  });
});
