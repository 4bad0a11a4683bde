import { getEventListeners } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reconcileBackoff } from '../../src/base/backoff.ts';
import { priorities, WorkQueue, type Priority } from '../../src/controller/queue.ts';
import { FakeClock, settled } from '../helpers/fake-clock.ts';

const never = new AbortController().signal;
const allPriorities = Object.keys(priorities) as Priority[];

function start(random: () => number = () => 0.5) {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ clock, backoff: reconcileBackoff, random }) };
}

/** The key that is handed out right now; undefined when none is ready. */
async function taken(queue: WorkQueue): Promise<string | undefined> {
  const stop = new AbortController();
  const next = queue.next(stop.signal).then(
    ({ key }) => key,
    () => undefined,
  );
  await settled();
  stop.abort();
  return next;
}

describe('a key is looked at once, by one worker (Q1, Q2, Q3)', () => {
  it('many adds before it is taken are one look', async () => {
    const { queue } = start();
    for (let count = 0; count < 50; count += 1) queue.add('a');
    expect(await taken(queue)).toBe('a');
    queue.done('a', { kind: 'settled' });
    expect(await taken(queue)).toBeUndefined();
  });

  it('many adds during a look are exactly one more, after it', async () => {
    const { queue } = start();
    queue.add('a');
    await queue.next(never);
    for (const priority of allPriorities) queue.add('a', { priority });
    expect(await taken(queue)).toBeUndefined();
    queue.done('a', { kind: 'settled' });
    expect(await queue.next(never)).toMatchObject({ key: 'a', priority: 'security' });
    queue.done('a', { kind: 'settled' });
    expect(await taken(queue)).toBeUndefined();
  });

  it('a delayed add that falls due during a look waits for its end', async () => {
    const { clock, queue } = start();
    queue.add('a');
    await queue.next(never);
    queue.add('a', { afterMs: 10 });
    await clock.advance(20);
    expect(await taken(queue)).toBeUndefined();
    expect(queue.snapshot().ready).toEqual([]);
    queue.done('a', { kind: 'settled' });
    expect(await taken(queue)).toBe('a');
  });

  it('two workers never hold the same key, whatever is asked for', async () => {
    const operations = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(3), fc.nat(2_000)), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(operations, async (list) => {
        const { clock, queue } = start();
        const held = new Set<string>();
        for (const [key, kind, ms] of list) {
          if (kind === 0) queue.add(key, { afterMs: ms });
          if (kind === 1) await clock.advance(ms);
          if (kind === 2 && held.delete(key)) queue.done(key, { kind: 'failed' });
          const next = kind === 3 ? await taken(queue) : undefined;
          if (next === undefined) continue;
          expect(held.has(next)).toBe(false);
          held.add(next);
        }
      }),
    );
  });
});

describe('order (Q4, Q5)', () => {
  it('the most urgent key goes first', async () => {
    const { queue } = start();
    for (const priority of allPriorities.toReversed()) queue.add(priority, { priority });
    for (const priority of allPriorities) expect(await taken(queue)).toBe(priority);
  });

  it('equally urgent keys go in the order in which they became ready', async () => {
    const { clock, queue } = start();
    queue.add('late', { priority: 'spec', afterMs: 1_000 });
    queue.add('early', { priority: 'spec', afterMs: 500 });
    queue.add('first', { priority: 'spec' });
    await clock.advance(1_000);
    expect([await taken(queue), await taken(queue), await taken(queue)]).toEqual(['first', 'early', 'late']);
  });

  it('a key that was only waiting for its resync has no head start over one that is ready for longer', async () => {
    const { clock, queue } = start();
    queue.add('old', { priority: 'resync', afterMs: 300_000 });
    await clock.advance(1_000);
    queue.add('new', { priority: 'event' });
    await clock.advance(1);
    queue.add('old', { priority: 'event' });
    expect([await taken(queue), await taken(queue)]).toEqual(['new', 'old']);
  });

  it('keys added at the same moment go in the order of their adds', async () => {
    const { queue } = start();
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
    for (const key of keys) queue.add(key);
    for (const key of keys) expect(await taken(queue)).toBe(key);
  });

  it('adding a ready key again does not cost it its place', async () => {
    const { clock, queue } = start();
    queue.add('a');
    await clock.advance(1);
    queue.add('b');
    queue.add('a');
    expect(await taken(queue)).toBe('a');
  });

  it('a ready key is taken within 20 minutes, however urgent everything else is', async () => {
    const { clock, queue } = start();
    queue.add('forgotten', { priority: 'resync' });
    let waitedMs: number | undefined;
    for (let second = 0; waitedMs === undefined && second < 3_600; second += 1) {
      queue.add(`alarm${second}`, { priority: 'security' });
      const item = await queue.next(never);
      if (item.key === 'forgotten') waitedMs = item.waitedMs;
      queue.done(item.key, { kind: 'settled' });
      clock.skip(1_000);
    }
    expect(waitedMs).toBeLessThan(20 * 60_000);
  });

  it('a key that always fails does not keep others waiting', async () => {
    const { clock, queue } = start();
    queue.add('broken', { priority: 'security' });
    let looks = 0;
    for (let second = 0; second < 60; second += 1) {
      queue.add(`fine${second}`);
      for (let key = await taken(queue); key !== undefined; key = await taken(queue)) {
        looks += key === 'broken' ? 1 : 0;
        queue.done(key, { kind: key === 'broken' ? 'failed' : 'settled' });
      }
      expect(queue.snapshot().ready).toEqual([]);
      await clock.advance(1_000);
    }
    expect(looks).toBeLessThan(12);
  });
});

describe('waits after failures (Q6, Q7)', () => {
  it('grow from 250 ms by two up to 5 min, give or take a fifth', async () => {
    const share = fc.double({ min: 0, max: 0.999_999, noNaN: true });
    await fc.assert(
      fc.asyncProperty(share, fc.integer({ min: 1, max: 25 }), async (random, tries) => {
        const { clock, queue } = start(() => random);
        queue.add('a');
        for (let failures = 1; failures <= tries; failures += 1) {
          await queue.next(never);
          queue.done('a', { kind: 'failed' });
          const inMs = queue.snapshot().delayed[0]!.inMs;
          const expected = Math.min(300_000, 250 * 2 ** (failures - 1));
          expect(inMs).toBeGreaterThanOrEqual(0.799_999 * expected);
          expect(inMs).toBeLessThanOrEqual(1.200_001 * expected);
          await clock.advance(inMs);
        }
        expect(queue.failures('a')).toBe(tries);
      }),
      { numRuns: 50 },
    );
  });

  it.each([{ kind: 'settled' } as const, { kind: 'stalled' } as const])('start anew after $kind', async (result) => {
    const { clock, queue } = start();
    queue.add('a');
    for (let failures = 0; failures < 5; failures += 1) {
      await queue.next(never);
      queue.done('a', { kind: 'failed' });
      await clock.advance(10_000);
    }
    await queue.next(never);
    queue.done('a', result);
    expect(queue.failures('a')).toBe(0);
    expect(await taken(queue)).toBeUndefined();
    queue.add('a', { priority: 'spec' });
    expect(await taken(queue)).toBe('a');
  });

  it('go on counting over a wait for something else, which an event ends', async () => {
    const { clock, queue } = start();
    queue.add('a');
    for (let failures = 1; failures <= 5; failures += 1) {
      await queue.next(never);
      queue.done('a', { kind: 'failed' });
      await clock.advance(250 * 2 ** (failures - 1) - 1);
      queue.add('a', { priority: 'event' });
      expect(await taken(queue)).toBeUndefined();
      await clock.advance(1);
      await queue.next(never);
      queue.done('a', { kind: 'waiting', afterMs: 2_000 });
      expect(await taken(queue)).toBeUndefined();
      queue.add('a', { priority: 'event' });
    }
    expect(queue.failures('a')).toBe(5);
  });

  it('an event does not shorten the wait of a failing key, a changed manifest does', async () => {
    const { queue } = start();
    queue.add('a');
    await queue.next(never);
    queue.done('a', { kind: 'failed' });
    queue.add('a', { priority: 'event' });
    expect(await taken(queue)).toBeUndefined();
    queue.add('a', { priority: 'spec' });
    expect(await taken(queue)).toBe('a');
    expect(queue.failures('a')).toBe(0);
  });

  it('an event during the failing look does not shorten the wait, a command does', async () => {
    const { queue } = start();
    queue.add('a');
    await queue.next(never);
    queue.add('a', { priority: 'event' });
    queue.done('a', { kind: 'failed' });
    expect(await taken(queue)).toBeUndefined();
    queue.add('a', { priority: 'command' });
    await queue.next(never);
    queue.add('a', { priority: 'command' });
    queue.done('a', { kind: 'failed' });
    expect(await taken(queue)).toBe('a');
  });

  it.each([1, 3_600_000])(
    'a later look asked for during the failing one (in %i ms) does not move the retry',
    async (afterMs) => {
      const { clock, queue } = start();
      queue.add('a');
      for (let failures = 1; failures <= 3; failures += 1) {
        await queue.next(never);
        queue.add('a', { afterMs });
        queue.done('a', { kind: 'failed' });
        expect(queue.snapshot().delayed).toEqual([{ key: 'a', priority: 'retry', inMs: 250 * 2 ** (failures - 1) }]);
        await clock.advance(250 * 2 ** (failures - 1));
      }
    },
  );

  it('a settled key comes back by itself when it asked to', async () => {
    const { clock, queue } = start();
    queue.add('a');
    await queue.next(never);
    queue.done('a', { kind: 'settled', afterMs: 60_000 });
    await clock.advance(59_999);
    expect(await taken(queue)).toBeUndefined();
    await clock.advance(1);
    expect(await queue.next(never)).toMatchObject({ key: 'a', priority: 'resync' });
  });
});

describe('waiting for a key', () => {
  it('ends when one is added', async () => {
    const { queue } = start();
    const next = queue.next(never);
    await settled();
    queue.add('a');
    expect((await next).key).toBe('a');
  });

  it('ends when a delayed one falls due, not a moment earlier', async () => {
    const { clock, queue } = start();
    queue.add('a', { afterMs: 5_000 });
    let key: string | undefined;
    const waiting = queue.next(never).then((item) => (key = item.key));
    await clock.advance(4_999);
    expect(key).toBeUndefined();
    await clock.advance(1);
    expect(key).toBe('a');
    await waiting;
  });

  it('rejects with the reason of the signal, before and during the wait', async () => {
    const { queue } = start();
    const before = AbortSignal.abort(new Error('too late'));
    await expect(queue.next(before)).rejects.toThrow('too late');
    const stop = new AbortController();
    const next = queue.next(stop.signal);
    await settled();
    stop.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
  });

  it('an abort takes no key along (Q8)', async () => {
    const { queue } = start();
    queue.add('active');
    await queue.next(never);
    queue.add('active');
    const stop = new AbortController();
    const next = queue.next(stop.signal);
    stop.abort(new Error('shutting down'));
    queue.add('a');
    await expect(next).rejects.toThrow('shutting down');
    expect(queue.snapshot().ready.map(({ key }) => key)).toEqual(['a']);
    queue.done('active', { kind: 'settled' });
    expect(queue.snapshot().ready.map(({ key }) => key)).toEqual(['a', 'active']);
  });

  it('leaves no listener and at most one timer behind, however often it waits', async () => {
    const { clock, queue } = start();
    const { signal } = new AbortController();
    queue.add('later', { afterMs: 10_000_000 });
    for (let count = 0; count < 200; count += 1) {
      const waits = [queue.next(signal), queue.next(signal)];
      await settled();
      expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(2);
      queue.add('a');
      queue.add('b');
      for (const { key } of await Promise.all(waits)) queue.done(key, { kind: 'settled' });
      expect(clock.armed).toBeLessThanOrEqual(1);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('gives each of many waiting workers another key', async () => {
    const { queue } = start();
    const workers = Array.from({ length: 8 }, () => queue.next(never));
    await settled();
    for (let count = 0; count < 8; count += 1) queue.add(`k${count}`);
    expect(new Set((await Promise.all(workers)).map(({ key }) => key)).size).toBe(8);
  });
});

describe('a key that yields', () => {
  it('comes back behind those that have waited as urgently, with its priority and its failures', async () => {
    const { queue } = start();
    queue.add('long', { priority: 'security' });
    await queue.next(never);
    queue.done('long', { kind: 'failed' });
    queue.add('long', { priority: 'security' });
    await queue.next(never);
    queue.add('other', { priority: 'security' });
    queue.add('event', { priority: 'event' });
    queue.done('long', { kind: 'yielded' });
    expect(queue.failures('long')).toBe(1);
    const order = [];
    for (let count = 0; count < 3; count += 1) order.push((await queue.next(never)).key);
    expect(order).toEqual(['other', 'long', 'event']);
  });

  it('becomes as urgent as what was asked for meanwhile', async () => {
    const { queue } = start();
    queue.add('long', { priority: 'event' });
    await queue.next(never);
    queue.add('long', { priority: 'security' });
    queue.add('other', { priority: 'command' });
    queue.done('long', { kind: 'yielded' });
    expect(await queue.next(never)).toMatchObject({ key: 'long', priority: 'security' });
  });
});

describe('what is known about a key', () => {
  it('is dropped by forget()', async () => {
    const { queue } = start();
    queue.add('a');
    await queue.next(never);
    queue.done('a', { kind: 'failed' });
    queue.forget('a');
    expect(queue.failures('a')).toBe(0);
    expect(queue.snapshot()).toEqual({ ready: [], delayed: [], active: [] });
  });

  it('is shown with its times', async () => {
    const { clock, queue } = start();
    queue.add('active');
    await queue.next(never);
    queue.add('ready', { priority: 'spec' });
    queue.add('delayed', { priority: 'retry', afterMs: 1_000 });
    await clock.advance(300);
    expect(queue.snapshot()).toEqual({
      ready: [{ key: 'ready', priority: 'spec', waitedMs: 300 }],
      delayed: [{ key: 'delayed', priority: 'retry', inMs: 700 }],
      active: [{ key: 'active', forMs: 300 }],
    });
    expect(queue.counts).toEqual({ adds: 3, retries: 0 });
  });
});

describe('a key that is claimed', () => {
  it('is for no worker until it is let go, and is looked at then', async () => {
    const { queue } = start();
    queue.add('a');
    const claim = await queue.claim('a', never);
    queue.add('a', { priority: 'security' });
    queue.add('b');
    expect(await taken(queue)).toBe('b');
    expect(await taken(queue)).toBeUndefined();
    claim[Symbol.dispose]();
    expect(await queue.next(never)).toMatchObject({ key: 'a', priority: 'security' });
    queue.done('a', { kind: 'settled' });
    expect(await taken(queue)).toBeUndefined();
  });

  it('is waited for while a worker has it, and while another claim holds', async () => {
    const { queue } = start();
    queue.add('a');
    await queue.next(never);
    const order: string[] = [];
    const claims = ['first', 'second'].map(async (who) => {
      using _ = await queue.claim('a', never);
      order.push(who);
      await settled();
      order.push(who);
    });
    await settled();
    expect(order).toEqual([]);
    queue.done('a', { kind: 'settled' });
    await Promise.all(claims);
    expect(order).toEqual(['first', 'first', 'second', 'second']);
    expect(await taken(queue)).toBe('a');
  });

  it('is not waited for any longer than wanted', async () => {
    const { queue } = start();
    queue.add('a');
    await queue.next(never);
    const stop = new AbortController();
    const claim = queue.claim('a', stop.signal);
    stop.abort(new Error('enough'));
    await expect(claim).rejects.toThrow('enough');
  });
});
