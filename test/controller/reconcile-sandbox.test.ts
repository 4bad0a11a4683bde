import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Hands } from '../../src/apply/hands.ts';
import { Problem, type Retry } from '../../src/base/problem.ts';
import { reconcileBackoff } from '../../src/base/backoff.ts';
import { Fights } from '../../src/controller/fights.ts';
import { WorkQueue } from '../../src/controller/queue.ts';
import { SandboxReconciler } from '../../src/controller/reconcile-sandbox.ts';
import { Sandboxes } from '../../src/controller/sandboxes.ts';
import { runWorkers } from '../../src/controller/workers.ts';
import { IncusError } from '../../src/host/incus/errors.ts';
import type { OwnedInstance } from '../../src/plan/world.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { manifest, owned, tombstoned, world } from '../plan/given.ts';

const key = 'sandbox/a';
const minuteMs = 60_000;

/** No workspace is covered here. */
const trees = { stand: () => Promise.resolve() };

/** Time in small steps, after each of which a visit has come to its end. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await setImmediate();
    await clock.advance(50);
  }
}

/** A sandbox whose memory limit somebody changed, and an Incus that says of some writes that they came too late. */
function start(isTooLate: (write: number) => boolean) {
  const clock = new FakeClock();
  const wish = manifest({ limits: { memory: { limit: '2GiB' } } });
  const asDeclared = owned(wish);
  const drifted = { ...asDeclared, config: { ...asDeclared.config, 'limits.memory': '1GiB' } };
  const calls = { looks: 0, writes: 0 };
  let instance: OwnedInstance = drifted;
  const look = () => {
    calls.looks += 1;
    return world(wish, { instance, now: clock.now() });
  };
  const instances = {
    get: () => {
      calls.looks += 1;
      return Promise.resolve({ value: instance, etag: 'e' });
    },
    replace: () => {
      calls.writes += 1;
      if (isTooLate(calls.writes))
        throw new IncusError({ class: 'conflict', what: 'change', text: 'ETag', status: 412 });
      instance = asDeclared;
      return Promise.resolve({});
    },
  };
  const operations = { finish: () => Promise.resolve() };
  const lifetime = new AbortController();
  const queue = new WorkQueue({ clock, backoff: reconcileBackoff, random: () => 0.5 });
  const bugs: unknown[] = [];
  const journal = {
    began: () => Promise.resolve(),
    ended: () => undefined,
    bug: (_key: string, error: unknown) => void bugs.push(error),
  };
  const sandboxes = new Sandboxes(() => undefined);
  const reconciler = new SandboxReconciler({
    worlds: { cached: () => world(wish, { instance }), fresh: () => Promise.resolve(look()), isDoubted: () => false },
    sandboxes,
    hands: { incus: { instances, operations }, trees, clock, lifetime: lifetime.signal } as unknown as Hands,
    fights: new Fights(),
    journal,
    isObserved: () => true,
    hasFailed: () => queue.failures(key) > 0,
  });
  const handle = (_item: unknown, signal: AbortSignal) => reconciler.reconcile('a', signal);
  const ended = runWorkers({ queue, count: 1, handle, journal, onDone: () => undefined, clock }, lifetime.signal);
  queue.add(key);
  const stop = async () => {
    lifetime.abort();
    await ended;
  };
  return { clock, calls, queue, bugs, sandboxes, stop };
}

describe('a write that comes too late', () => {
  test('every time is tried at once a few times, and then as rarely as any that fails', async () => {
    const { clock, calls, bugs, stop } = start(() => true);
    await pass(clock, 20_000);
    // Six at the first visit, one at each of the six that follow it within 20 s.
    expect(calls.writes).toBe(12);
    await pass(clock, minuteMs - 20_000);
    for (let minute = 1; minute < 10; minute += 1) {
      const before = calls.looks + calls.writes;
      await pass(clock, minuteMs);
      expect(calls.looks + calls.writes - before).toBeLessThan(20);
    }
    await stop();
    expect(bugs).toEqual([]);
  });

  test('a few times is put right within its visit, and nothing is said to have failed', async () => {
    const { calls, queue, sandboxes, stop } = start((write) => write <= 5);
    await setImmediate();
    expect(calls.writes).toBe(6);
    expect(queue.counts.retries).toBe(0);
    expect(sandboxes.get('a')).toMatchObject({ failure: undefined, plan: { steps: [] } });
    await stop();
  });

  test('does not stay rarely tried once the key has settled', async () => {
    const { clock, calls, queue, stop } = start((write) => write <= 8);
    await pass(clock, minuteMs);
    expect(calls.writes).toBe(9);
    expect(queue.failures(key)).toBe(0);
    await stop();
  });
});

describe('a session that cannot be saved', () => {
  const session = { id: 'i', tool: 'claude', owner: 0, workspace: '', persistent: false, user: 'code' };
  const left = tombstoned(manifest(), { stamped: { session, restored: 'i' }, startedAt: 1 });

  /** One visit to what is left of it. */
  async function visit(retry: Retry) {
    const leaving = world({ kind: 'deleted' }, { tombstone: left });
    const sandboxes = new Sandboxes(() => undefined);
    const save = () => Promise.reject(new Problem({ code: 'session.x', message: 'The disk is full', retry }));
    const instances = { get: () => Promise.resolve({ value: left, etag: 'e' }) };
    const lifetime = new AbortController().signal;
    const hands = { incus: { instances }, trees, sessions: { save }, clock: new FakeClock(), lifetime };
    const reconciler = new SandboxReconciler({
      worlds: { cached: () => leaving, fresh: () => Promise.resolve(leaving), isDoubted: () => false },
      sandboxes,
      hands: hands as unknown as Hands,
      fights: new Fights(),
      journal: {
        began: () => Promise.resolve(),
        ended: () => undefined,
        bug: (_key: string, error: unknown) => expect.fail(String(error)),
      },
      isObserved: () => true,
      hasFailed: () => false,
    });
    const result = await reconciler.reconcile('a', lifetime);
    return { result, conditions: sandboxes.get('a')?.conditions };
  }

  test('for good waits for somebody, and says by its reason that it is not saved', async () => {
    const { result, conditions } = await visit('never');
    expect(result).toEqual({ kind: 'stalled' });
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'SaveFailed', message: 'The disk is full' }),
    );
  });

  test('yet is tried again, and says the same', async () => {
    const { result, conditions } = await visit('backoff');
    expect(result).toEqual({ kind: 'failed' });
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False', reason: 'SaveFailed' }),
    );
    expect(conditions).not.toContainEqual(expect.objectContaining({ type: 'Stalled' }));
  });
});
