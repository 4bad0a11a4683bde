import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { conditionTypes, deriveConditions, mergeConditions, type Condition } from '../../src/controller/condition.ts';
import { timeText } from '../../src/controller/report.ts';
import { plan } from '../../src/plan/plan.ts';
import type { World } from '../../src/plan/world.ts';
import { manifest, now, override, owned, tombstoned, world } from '../plan/given.ts';

const plain = manifest();
const failed = (retry: 'backoff' | 'never') =>
  new Problem({ code: 'x.y', message: 'It broke', hint: 'Mend it', retry });

function said(given: World, failure?: Problem) {
  return deriveConditions({ world: given, plan: plan(given), failure });
}

function words(given: World, failure?: Problem): string[] {
  return said(given, failure).map(({ type, status, reason }) => `${type}=${status} ${reason}`);
}

describe('what is said about a sandbox', () => {
  const fine = world(plain, { instance: owned(plain) });

  it('as declared: Ready and Healthy, nothing else', () => {
    expect(words(fine)).toEqual(['Ready=True InSync', 'Healthy=True Running']);
  });

  it('about to be created', () => {
    expect(words(world(plain))).toEqual([
      'Ready=False Creating',
      'Healthy=Unknown Unknown',
      'Reconciling=True Progressing',
    ]);
  });

  it('about to be changed', () => {
    const frozen = world(plain, { instance: owned(plain, { power: 'frozen' }) });
    expect(words(frozen)).toEqual(['Ready=False Updating', 'Healthy=True Frozen', 'Reconciling=True Progressing']);
  });

  it('on its way out', () => {
    const leaving = world({ kind: 'deleted' }, { tombstone: tombstoned(plain) });
    expect(words(leaving)).toEqual([
      'Ready=False Deleting',
      'Healthy=Unknown Unknown',
      'Reconciling=True Progressing',
      'Pruning=True InProgress',
    ]);
  });

  it('not declared any more, and held by the guard', () => {
    const verdict = { kind: 'held', reason: 'Guarded', message: '5 of 9' } as const;
    const held = world({ kind: 'missing', verdict }, { instance: owned(plain) });
    expect(words(held)).toEqual([
      'Ready=False Blocked',
      'Healthy=True Running',
      'Stalled=True Guarded',
      'Pruning=False Guarded',
    ]);
  });

  it('without its rules it is not healthy, whatever else it does', () => {
    const bare = world(plain, {
      instance: owned(plain, { power: 'frozen', rules: 'drifted' }),
      overrides: [override.freeze],
    });
    expect(words(bare)).toContain('Healthy=False EgressMissing');
  });

  it('with an agent that ended', () => {
    const agent = { kind: 'ended', exitCode: 3, restartAt: now + 1 } as const;
    const [, healthy] = said(world(plain, { instance: owned(plain), agent }));
    expect(healthy).toMatchObject({
      status: 'False',
      reason: 'AgentDown',
      message: `Its agent ended with exit code 3; it is started again at ${timeText(now + 1)}`,
    });
    const never = manifest({ restart: 'never' });
    const [, left] = said(world(never, { instance: owned(never), agent }));
    expect(left).toMatchObject({ reason: 'AgentDown', message: 'Its agent ended with exit code 3' });
  });

  it('with an agent that cannot log in', () => {
    const agent = { kind: 'running', lack: { reason: 'CredentialMissing', message: 'no key' } } as const;
    const missing = { status: 'False', reason: 'CredentialMissing', message: 'no key' };
    expect(said(world(plain, { instance: owned(plain), agent }))[1]).toMatchObject(missing);
    const frozen = owned(plain, { power: 'frozen' });
    expect(said(world(plain, { instance: frozen, agent }))[1]).toMatchObject({ status: 'True', reason: 'Frozen' });
  });

  it('waiting for something', () => {
    const waits = world(plain, { dependencies: [{ name: 'db', ready: false }] });
    expect(words(waits)).toContain('Reconciling=True WaitingDependency');
    expect(words(waits)).toContain('Ready=False Blocked');
  });

  it('stopped by something that somebody must change, with what to do', () => {
    const stalled = said(world(plain, { imageExists: false })).find(({ type }) => type === 'Stalled');
    expect(stalled).toMatchObject({ reason: 'ImageMissing' });
    expect(stalled?.message).toContain('incus image list');
  });

  it('after a failed step that is tried again, and after one that is not', () => {
    const frozen = world(plain, { instance: owned(plain, { power: 'frozen' }) });
    expect(words(frozen, failed('backoff'))).toEqual([
      'Ready=False Failed',
      'Healthy=True Frozen',
      'Reconciling=True ProgressingWithRetry',
    ]);
    expect(words(frozen, failed('never'))).toContain('Stalled=True StepFailed');
  });

  it('whose session cannot be saved, by a reason of its own', () => {
    const leaving = world({ kind: 'deleted' }, { tombstone: tombstoned(plain) });
    const reasons = (retry: 'backoff' | 'never', failedStep?: 'save' | 'delete') =>
      deriveConditions({ world: leaving, plan: plan(leaving), failure: failed(retry), failedStep })
        .filter(({ type }) => type === 'Ready' || type === 'Stalled')
        .map(({ type, reason }) => `${type} ${reason}`);
    expect(reasons('never', 'save')).toEqual(['Ready SaveFailed', 'Stalled SaveFailed']);
    expect(reasons('backoff', 'save')).toEqual(['Ready SaveFailed']);
    expect(reasons('never', 'delete')).toEqual(['Ready Failed', 'Stalled StepFailed']);
    expect(reasons('never')).toEqual(['Ready Failed', 'Stalled StepFailed']);
  });

  it('changed by hand', () => {
    const changed = { ...owned(plain).config, 'boot.autostart': 'true' };
    expect(words(world(plain, { instance: owned(plain, { config: changed }) }))).toContain('Drifted=True Enforced');
  });

  it('held by several overrides of one kind: said once, with every reason', () => {
    const overrides = [override.quarantine, { ...override.network, reason: 'it mined coins' }, override.suspend];
    const found = said(world(plain, { instance: owned(plain), overrides }));
    expect(found.filter(({ type }) => type === 'Quarantined')).toMatchObject([
      { message: expect.stringContaining('By monitor: it scanned ports; By monitor: it mined coins') as string },
    ]);
    expect(found.filter(({ type }) => type === 'Suspended')).toHaveLength(1);
  });
});

const worlds = fc
  .record({
    desired: fc.constantFrom<World['desired']>(
      { kind: 'declared', manifest: plain, sourceComplete: true },
      { kind: 'deleted' },
      { kind: 'unknown', message: 'x' },
      { kind: 'missing', verdict: { kind: 'allowed' } },
      { kind: 'missing', verdict: { kind: 'held', reason: 'Guarded', message: 'x' } },
    ),
    instance: fc.constantFrom(
      undefined,
      ...(['running', 'frozen', 'stopped', 'other'] as const).map((power) => owned(plain, { power })),
      owned(plain, { rules: 'unknown' }),
    ),
    tombstone: fc.constantFrom(undefined, tombstoned(plain)),
    overrides: fc.subarray<World['overrides'][number]>(Object.values(override)),
    imageExists: fc.boolean(),
    networkReady: fc.boolean(),
  })
  .map(({ desired, ...changes }) => world(desired, changes as Partial<World>));
const failures = fc.constantFrom(undefined, failed('backoff'), failed('never'));

describe('conditions, whatever the world is like', () => {
  it('Ready and Healthy are always there, none is there twice, and all are of the known types', () => {
    fc.assert(
      fc.property(worlds, failures, (given, failure) => {
        const types = said(given, failure).map(({ type }) => type);
        expect(types.slice(0, 2)).toEqual(['Ready', 'Healthy']);
        expect(new Set(types).size).toBe(types.length);
        expect(conditionTypes).toEqual(expect.arrayContaining(types));
      }),
    );
  });

  it('Ready only while nothing is left to do, nothing stands in the way and nothing failed', () => {
    fc.assert(
      fc.property(worlds, failures, (given, failure) => {
        const { steps, block } = plan(given);
        const isDone = steps.length === 0 && !block && !failure && given.desired.kind === 'declared';
        expect(said(given, failure)[0]?.status).toBe(isDone ? 'True' : 'False');
      }),
    );
  });

  it('keep since when they hold while they hold; only what changed is a transition', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(worlds, failures), { maxLength: 6 }), fc.nat(3), (looks, pace) => {
        let conditions: readonly Condition[] = [];
        looks.forEach(([given, failure], index) => {
          const at = now + index * pace;
          const before = new Map(conditions.map((each) => [each.type, each]));
          const merged = mergeConditions(conditions, said(given, failure), at);
          for (const each of merged.conditions) {
            const old = before.get(each.type);
            const isSame = old?.status === each.status && old.reason === each.reason;
            expect(each.since).toBe(isSame ? old.since : at);
            expect(merged.transitions.includes(each)).toBe(!isSame);
          }
          const gone = merged.transitions.filter(({ type }) => !merged.conditions.some((each) => each.type === type));
          expect(gone.map(({ type }) => type)).toEqual(
            [...before.keys()].filter((type) => !merged.conditions.some((each) => each.type === type)),
          );
          conditions = merged.conditions;
        });
      }),
    );
  });
});
