import { describe, expect, it } from 'vitest';
import type { Match } from '../../src/monitor/detection.ts';
import { Repeats, windowMs } from '../../src/monitor/repeats.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

function match(cause: string, id = 'rule'): Match {
  const event = { kind: 'name', uid: 'u', at: 0, name: 'a', type: 'A', result: 'ok' } as const;
  const rule = {
    id,
    title: 'A',
    severity: 'high',
    category: 'network',
    mitre: 'T1071',
    maturity: 'stable',
  } as const;
  return { rule, event, sensor: 'names', cause, description: cause };
}

function open() {
  const clock = new FakeClock();
  const told: string[] = [];
  const repeats = new Repeats(clock, (uid, { cause }, count) => told.push(`${uid} ${cause} ${count}`));
  return { clock, told, repeats };
}

describe('the same thing again', () => {
  it('is new once in a window, and counted in one line at its end', async () => {
    const { clock, told, repeats } = open();
    expect(repeats.isNew('u', match('a'))).toBe(true);
    for (let again = 0; again < 1_000; again += 1) expect(repeats.isNew('u', match('a'))).toBe(false);
    expect(told, 'within the window').toEqual([]);
    await clock.advance(windowMs);
    expect(told).toEqual(['u a 1000']);
    expect(repeats.isNew('u', match('a')), 'after the window').toBe(true);
    await clock.advance(windowMs);
    expect(told, 'nothing was counted').toHaveLength(1);
  });

  it('is another thing in another sandbox, or by another cause', () => {
    const { repeats } = open();
    expect([repeats.isNew('u', match('a')), repeats.isNew('v', match('a')), repeats.isNew('u', match('b'))]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('is new again when the sandbox was let go on, and what was counted is told', () => {
    const { told, repeats } = open();
    repeats.isNew('u', match('a'));
    repeats.isNew('u', match('a'));
    repeats.isNew('v', match('a'));
    repeats.forget('u');
    expect(told).toEqual(['u a 1']);
    expect([repeats.isNew('u', match('a')), repeats.isNew('v', match('a'))]).toEqual([true, false]);
  });

  it('does not flood by causes that are chosen inside, and does not hide other rules', async () => {
    const { clock, told, repeats } = open();
    const fresh = Array.from({ length: 5_000 }, (_, at) => repeats.isNew('u', match(`cause ${at}`))).filter(Boolean);
    expect(fresh.length, 'lines').toBeLessThan(30);
    expect(repeats.isNew('u', match('other', 'other rule')), 'another rule').toBe(true);
    expect(repeats.isNew('v', match('cause 7')), 'another sandbox').toBe(true);
    await clock.advance(windowMs);
    const counted = told.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    expect(counted + fresh.length, 'all are told or counted').toBe(5_000);
  });

  it('tells what was counted at the end', () => {
    const { told, repeats } = open();
    repeats.isNew('u', match('a'));
    repeats.isNew('u', match('a'));
    repeats.close();
    expect(told).toEqual(['u a 1']);
  });
});
