import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fights } from '../../src/controller/fights.ts';

const path = '/config/limits.memory';

describe('fights', () => {
  it('a few repairs are none', () => {
    const fights = new Fights();
    for (let count = 0; count < 4; count += 1) fights.record('a', path, count);
    expect(fights.fighting('a', 4)).toEqual([]);
  });

  it.each([100, 1_000, 2_000])('whoever writes every %i ms gets no more than five answers in any minute', (everyMs) => {
    const fights = new Fights();
    const answers: number[] = [];
    for (let now = 0; now < 3_600_000; now += everyMs) {
      if (fights.fighting('a', now).length > 0) continue;
      fights.record('a', path, now);
      answers.push(now);
    }
    const inMinuteFrom = answers.map((from) => answers.filter((at) => at >= from && at < from + 60_000).length);
    expect(Math.max(...inMinuteFrom)).toBeLessThanOrEqual(5);
    expect(answers.length).toBeGreaterThan(60);
  });

  it('stays one for a while, so that nobody is told every few seconds', () => {
    const fights = new Fights();
    let changes = 0;
    let was = false;
    for (let now = 0; now < 600_000; now += 1_000) {
      const is = fights.fighting('a', now).length > 0;
      changes += is === was ? 0 : 1;
      was = is;
      if (!is) fights.record('a', path, now);
    }
    expect(changes).toBeLessThanOrEqual(14);
  });

  it('is over once it has cooled down', () => {
    const fights = new Fights();
    for (let count = 0; count < 8; count += 1) fights.record('a', path, 0);
    expect(fights.fighting('a', 1_000)).toEqual([path]);
    expect(fights.fighting('a', 130_000)).toEqual([]);
  });

  it('slow repairs never are one', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 16_000, max: 600_000 }), { maxLength: 50 }), (waits) => {
        const fights = new Fights();
        let now = 0;
        for (const wait of waits) fights.record('a', path, (now += wait));
        expect(fights.fighting('a', now)).toEqual([]);
      }),
    );
  });

  it('are told apart by sandbox and field, and forgotten one field at a time', () => {
    const fights = new Fights();
    for (let count = 0; count < 6; count += 1) {
      fights.record('a', path, 0);
      fights.record('b', count % 2 === 0 ? path : '/state', 0);
    }
    expect([fights.fighting('a', 0), fights.fighting('b', 0)]).toEqual([[path], []]);
    expect(fights.max(0)).toBe(6);
    for (let count = 0; count < 5; count += 1) fights.record('a', '/state', 0);
    fights.forget('a', path);
    expect(fights.fighting('a', 0)).toEqual(['/state']);
    expect(fights.max(0)).toBe(5);
  });
});
