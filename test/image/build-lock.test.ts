import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { lockBuild } from '../../src/image/build-lock.ts';

const never = new AbortController().signal;
const silent = () => undefined;

describe('the right to build', () => {
  it('goes from one to the next, and is told to wait for', async () => {
    const subject = randomUUID();
    const first = await lockBuild({ subject, signal: never, onWait: silent });
    expect(first.hasWaited).toBe(false);
    const waiting: string[] = [];
    const order: string[] = [];
    const second = lockBuild({ subject, signal: never, onWait: () => waiting.push('told') }).then(async (lock) => {
      order.push('second');
      await lock[Symbol.asyncDispose]();
      return lock.hasWaited;
    });
    await using other = await lockBuild({ subject: randomUUID(), signal: never, onWait: silent });
    expect(other.hasWaited).toBe(false);
    await expect.poll(() => waiting).toEqual(['told']);
    order.push('first');
    await first[Symbol.asyncDispose]();
    expect([await second, order]).toEqual([true, ['first', 'second']]);
  });

  it('is not waited for by who was called off', async () => {
    const subject = randomUUID();
    await using _ = await lockBuild({ subject, signal: never, onWait: silent });
    const call = new AbortController();
    const waiting = lockBuild({ subject, signal: call.signal, onWait: () => call.abort(new Error('called off')) });
    await expect(waiting).rejects.toThrow('called off');
  });
});
