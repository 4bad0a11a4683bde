import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/base/turns.ts';

describe('Turns', () => {
  it('carries work out one after the other, also after a failure', async () => {
    const turns = new Turns();
    const said: string[] = [];
    const first = Promise.withResolvers<void>();
    const one = turns.take(async () => {
      said.push('one begins');
      await first.promise;
      said.push('one ends');
      throw new Error('of the first');
    });
    const two = turns.take(async () => said.push('two'));
    await Promise.resolve();
    first.resolve();
    await expect(one).rejects.toThrow('of the first');
    await two;
    expect(said).toEqual(['one begins', 'one ends', 'two']);
    await expect(turns.take(() => Promise.reject(new Error('unheard')))).rejects.toThrow('unheard');
    await turns.idle();
  });

  it('has what waits for its turn go out together, and what comes later by itself', async () => {
    const turns = new Turns();
    const sent: (readonly number[])[] = [];
    const send = turns.gather(async (wishes: readonly number[]) => {
      sent.push(wishes);
      if (wishes.includes(3)) throw new Error('three');
      return wishes.length;
    });
    const before = Promise.withResolvers<void>();
    const work = turns.take(() => before.promise);
    const together = Promise.all([send(1), send(2)]);
    before.resolve();
    expect(await together).toEqual([2, 2]);
    await work;
    await expect(Promise.all([send(3), send(4)])).rejects.toThrow('three');
    expect(await send(5)).toBe(1);
    expect(sent).toEqual([[1, 2], [3, 4], [5]]);
  });
});
