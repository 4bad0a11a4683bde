import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../helpers/fake-clock.ts';
import { lockBuild } from '../../src/image/build-lock.ts';

const never = new AbortController().signal;
const silent = () => undefined;

const clock = new FakeClock();

describe('the right to build', () => {
  it('goes from one to the next, and is told to wait for', async () => {
    const subject = randomUUID();
    const first = await lockBuild({ subject, clock, signal: never, onWait: silent });
    expect(first.hasWaited).toBe(false);
    const waiting: string[] = [];
    const order: string[] = [];
    const second = lockBuild({ subject, clock, signal: never, onWait: () => waiting.push('told') }).then(
      async (lock) => {
        order.push('second');
        await lock[Symbol.asyncDispose]();
        return lock.hasWaited;
      },
    );
    await using other = await lockBuild({ subject: randomUUID(), clock, signal: never, onWait: silent });
    expect(other.hasWaited).toBe(false);
    await expect.poll(() => waiting).toEqual(['told']);
    order.push('first');
    await first[Symbol.asyncDispose]();
    expect([await second, order]).toEqual([true, ['first', 'second']]);
  });

  it('is not waited for without an end: somebody else may have taken its name', async () => {
    const subject = randomUUID();
    await using _ = await lockBuild({ subject, clock, signal: never, onWait: silent });
    const hows: string[] = [];
    const waiting = lockBuild({ subject, clock, signal: never, onWait: (how) => hows.push(how) });
    const failed = waiting.catch((error: unknown) => error);
    await expect.poll(() => hows).toHaveLength(1);
    await clock.advance(6 * 3_600_000);
    expect(await failed).toMatchObject({ code: 'image.locked', hint: expect.stringContaining(hows[0]!) as string });
    expect(hows[0]).toMatch(/^ss -xlp \| grep coi-build-[0-9a-f]{32}$/);
  });

  it('is not waited for by who was called off', async () => {
    const subject = randomUUID();
    await using _ = await lockBuild({ subject, clock, signal: never, onWait: silent });
    const call = new AbortController();
    const waiting = lockBuild({
      subject,
      clock,
      signal: call.signal,
      onWait: () => call.abort(new Error('called off')),
    });
    await expect(waiting).rejects.toThrow('called off');
  });
});
