import { describe, expect, it } from 'vitest';
import { DeniedNames } from '../../../src/network/names/denied-name.ts';
import { KnownNames } from '../../../src/network/names/known-names.ts';
import { nameRules } from '../../../src/network/names/name-rules.ts';
import { reachable } from '../../../src/network/names/reachable.ts';
import { TokenBucket } from '../../../src/network/names/token-bucket.ts';

const uid = '01JABCDEFGHJKMNPQRSTVWXYZ0';
const endpoint = { ipv4: '10.90.0.20', ipv6: 'fd42:90::20' };

function opened(known: KnownNames, entries: readonly string[], now = 0): Record<string, number> {
  const allowed = Object.fromEntries(entries.map((entry) => [entry, true as const]));
  const seat = { uid, endpoint, rules: nameRules({ mode: 'allowlist', allowed }) };
  const places = reachable(seat, known, { now, isUsable: (address) => address !== '203.0.113.99' });
  return Object.fromEntries([...places].map(([id, { until }]) => [id, until]));
}

describe('what known names open', () => {
  const known = new KnownNames();
  known.learn('a.test', 4, { addresses: ['203.0.113.1', '203.0.113.2'], until: 100 });
  known.learn('b.test', 4, { addresses: ['203.0.113.2', '203.0.113.99'], until: 200 });
  known.learn('b.test', 6, { addresses: ['2001:db8::1'], until: 300 });

  it('depends on the list as it is now', () => {
    expect(opened(known, [])).toEqual({});
    expect(opened(known, ['a.test'])).toEqual({
      'web4 10.90.0.20 . 203.0.113.1': 100,
      'web4 10.90.0.20 . 203.0.113.2': 100,
    });
    expect(opened(known, ['a.test', 'b.test:22'])).toEqual({
      'web4 10.90.0.20 . 203.0.113.1': 100,
      'web4 10.90.0.20 . 203.0.113.2': 100,
      'port4 10.90.0.20 . 203.0.113.2 . tcp . 22': 200,
      'port6 fd42:90::20 . 2001:db8::1 . tcp . 22': 300,
    });
  });

  it('lasts as long as the name that lasts the longest', () => {
    expect(opened(known, ['*.test'])).toEqual({});
    expect(opened(known, ['a.test', 'b.test'])['web4 10.90.0.20 . 203.0.113.2']).toBe(200);
    expect(Object.keys(opened(known, ['a.test', 'b.test'], 250))).toEqual(['web6 fd42:90::20 . 2001:db8::1']);
  });
});

describe('KnownNames', () => {
  it('keeps addresses that an answer no longer has, for their time', () => {
    const known = new KnownNames();
    expect(known.learn('a.test', 4, { addresses: ['203.0.113.1'], until: 100 })).toBe(true);
    expect(known.learn('a.test', 4, { addresses: ['203.0.113.1'], until: 120 })).toBe(false);
    expect(known.learn('a.test', 4, { addresses: ['203.0.113.2'], until: 200 })).toBe(true);
    expect(known.last('a.test', 4)).toEqual(['203.0.113.2']);
    expect(Object.keys(opened(known, ['a.test'], 110))).toHaveLength(2);
    known.sweep(130);
    expect(Object.keys(opened(known, ['a.test'], 0))).toHaveLength(1);
    known.prolong('203.0.113.2', 500);
    expect(Object.values(opened(known, ['a.test'], 0))).toEqual([500]);
    expect(known.last('a.test', 6)).toBeUndefined();
  });

  it('is bounded', () => {
    const known = new KnownNames();
    for (let number = 0; number < 3_000; number += 1)
      known.learn(`${number}.test`, 4, { addresses: ['203.0.113.1'], until: 1 });
    expect([...known.all()]).toHaveLength(1_000);
    expect([known.has('0.test'), known.has('2999.test')]).toEqual([false, true]);
    for (let number = 0; number < 2_000; number += 1) {
      known.learn('a.test', 6, { addresses: [`2001:db8::${number.toString(16)}`], until: 1 });
    }
    const [, last] = [...known.all()].at(-1)!;
    expect(last.until.size).toBe(512);
    expect(last.until.has('2001:db8::7cf')).toBe(true);
  });
});

describe('DeniedNames', () => {
  it('counts what was refused, the last one first, and cannot be filled', () => {
    const denied = new DeniedNames();
    denied.add({ name: 'a.test', type: 'A', reason: 'unlisted' }, 10);
    denied.add({ name: 'b\n\u001b[1m.test', type: 'TXT', reason: 'suspicious' }, 20);
    denied.add({ name: 'a.test', type: 'A', reason: 'unlisted' }, 30);
    expect(denied.list()).toEqual([
      { name: 'a.test', type: 'A', reason: 'unlisted', count: 2, first: 10, last: 30 },
      { name: 'b??[1m.test', type: 'TXT', reason: 'suspicious', count: 1, first: 20, last: 20 },
    ]);
    for (let number = 0; number < 2_000; number += 1)
      denied.add({ name: `${number}`, type: 'A', reason: 'rate' }, number);
    expect(denied.list()).toHaveLength(1_000);
    expect(denied.list()[0]?.name).toBe('1999');
  });
});

describe('TokenBucket', () => {
  it('gives its burst at once and then its rate', () => {
    const bucket = new TokenBucket({ burst: 2, perSecond: 1 }, 0);
    expect([0, 0, 0, 999, 1_000, 1_000, 60_000, 60_000, 60_000].map((now) => bucket.take(now))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
      true,
      true,
      false,
    ]);
  });
});
