import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { reconcileBackoff } from '../../src/base/backoff.ts';
import { priorities, WorkQueue, type Priority, type QueueResult } from '../../src/controller/queue.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { sized } from '../helpers/full.ts';
import { pick, seed, seededRandom } from '../helpers/random.ts';

const keys = Array.from({ length: 12 }, (_, index) => `sandbox/k${index}`);
const urgencies = Object.keys(priorities) as Priority[];
const results: QueueResult[] = [
  { kind: 'settled' },
  { kind: 'settled', afterMs: 2_000 },
  { kind: 'waiting', afterMs: 900 },
  { kind: 'yielded' },
  { kind: 'failed' },
  { kind: 'stalled' },
  { kind: 'stalled', afterMs: 700 },
];

/** Which keys are owed a look, told from the contract alone. */
class Ledger {
  readonly owed = new Set<string>();
  readonly active = new Set<string>();
  readonly #again = new Set<string>();

  add(key: string, afterMs: number): void {
    if (this.active.has(key) && afterMs === 0) this.#again.add(key);
    else this.owed.add(key);
  }

  taken(key: string): void {
    assert(this.owed.delete(key), `${key} was owed a look`);
    assert(!this.active.has(key), `${key} was held already`);
    this.active.add(key);
  }

  done(key: string, result: QueueResult): void {
    this.active.delete(key);
    const isAgain = this.#again.delete(key);
    const asksBack = result.kind === 'failed' || result.kind === 'yielded' || result.afterMs !== undefined;
    if (isAgain || asksBack) this.owed.add(key);
  }
}

it('what it says it holds is what it holds, after every one of very many random operations (Q9)', async () => {
  const random = seededRandom(seed);
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, backoff: reconcileBackoff, random });
  const ledger = new Ledger();
  const { signal } = new AbortController();
  const finish = () => {
    const [key, result] = [pick([...ledger.active], random), pick(results, random)];
    queue.done(key, result);
    ledger.done(key, result);
  };
  for (let operation = 0; operation < sized(100_000, 1_000_000); operation += 1) {
    const kind = random();
    if (kind < 0.35) {
      const [key, afterMs] = [pick(keys, random), random() < 0.7 ? 0 : Math.floor(random() * 3_000)];
      queue.add(key, { priority: pick(urgencies, random), afterMs });
      ledger.add(key, afterMs);
    } else if (kind < 0.6 && queue.snapshot().ready.length > 0) {
      ledger.taken((await queue.next(signal)).key);
    } else if (kind < 0.85 && ledger.active.size > 0) finish();
    else clock.skip(Math.floor(random() * 500));
    const { ready, delayed, active } = queue.snapshot();
    const held = ledger.active.size;
    // A due key that is being looked at is in neither list until it is given back.
    const hidden = [...ledger.owed].filter(
      (key) => ledger.active.has(key) && !delayed.some((each) => each.key === key),
    );
    const isRight = ready.length + delayed.length + hidden.length === ledger.owed.size && active.length === held;
    if (!isRight) assert.fail(`operation ${operation}, seed ${seed}: ${JSON.stringify({ ready, delayed, active })}`);
  }
  while (ledger.active.size > 0) {
    const key = [...ledger.active][0]!;
    queue.done(key, { kind: 'settled' });
    ledger.done(key, { kind: 'settled' });
  }
  clock.skip(3_600_000);
  while (ledger.owed.size > 0) ledger.taken((await queue.next(signal)).key);
  expect(queue.snapshot()).toMatchObject({ ready: [], delayed: [] });
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
}, 60_000);
