import { describe, expect, it } from 'vitest';
import { Facts } from '../../../src/monitor/rules/facts.ts';
import { fields } from '../../../src/monitor/rules/fields.ts';
import { Rate } from '../../../src/monitor/rules/rate.ts';
import { event, sandbox } from './judged.ts';

describe('what a rate counts apart', () => {
  it('is forgotten once its time is over, whatever names a sandbox makes up', () => {
    const rate = new Rate({ limit: () => 10, seconds: 60, per: [fields['domain']!], distinct: fields['name']! });
    const ask = (name: string, at: number) =>
      rate.isOver(new Facts(event('name', { name, type: 'A', result: 'answered', at }), sandbox()));
    for (let n = 0; n < 500; n += 1) ask(`a.d${n}.example`, 0);
    ask('a.here.example', 60_001);
    expect(rate.size).toBe(1);
  });
});
