import { describe, expect, it } from 'vitest';
import { DenialRecord, mostDenials, type DenialLook } from '../../src/controller/denial-record.ts';
import { RunningTotals } from '../../src/controller/running-totals.ts';
import type { RefusedDestination } from '../../src/host/nft/records.ts';

const now = 1_000_000_000;
const owners: DenialLook['owners'] = new Map([
  ['10.90.0.5', { uid: 'A', since: now - 3_600_000 }],
  ['fd42::5', { uid: 'A', since: now - 3_600_000 }],
  ['10.90.0.6', { uid: 'B', since: now - 3_600_000 }],
]);

function row(change: Partial<RefusedDestination> = {}): RefusedDestination {
  return {
    set: 'denied4',
    from: '10.90.0.5',
    to: '1.2.3.4',
    proto: 'tcp',
    port: 22,
    packets: 1,
    lastAt: now,
    ...change,
  };
}

const look = (rows: readonly RefusedDestination[], change: Partial<DenialLook> = {}): DenialLook => ({
  rows,
  loads: 1,
  owners,
  now,
  ...change,
});

describe('DenialRecord', () => {
  it('keeps when a destination was first refused', () => {
    const record = new DenialRecord();
    record.note(look([row()]));
    record.note(look([row({ packets: 4, lastAt: now + 60_000 })], { now: now + 60_000 }));
    expect(record.of('A')).toEqual([
      { to: '1.2.3.4', proto: 'tcp', port: 22, count: 4, firstAt: now, lastAt: now + 60_000 },
    ]);
  });

  it('tells of what is new, once', () => {
    const record = new DenialRecord();
    const rows = [row(), row({ from: 'fd42::5', to: '2001:db8::1', proto: 'ipv6-icmp', set: 'other6' })];
    expect(record.note(look(rows)).changed.get('A')).toHaveLength(2);
    expect(record.note(look(rows)).changed).toEqual(new Map());
    expect(record.note(look([row({ packets: 2 }), rows[1]!])).changed.get('A')).toMatchObject([{ count: 2 }]);
  });

  it('counts on when the kernel begins anew', () => {
    const record = new DenialRecord();
    record.note(look([row({ packets: 5 })]));
    record.note(look([], { loads: 2 }));
    record.note(look([row({ packets: 5 })], { loads: 2 }));
    record.note(look([row({ packets: 6 })], { loads: 2 }));
    // It ran out in the kernel, and came again.
    record.note(look([row({ packets: 2 })], { loads: 2 }));
    expect(record.of('A')).toMatchObject([{ count: 13, firstAt: now }]);
  });

  it('gives nobody what another had the address for', () => {
    const record = new DenialRecord();
    const stale = row({ from: '10.90.0.6', lastAt: now - 7_200_000 });
    const stray = row({ from: '10.90.0.7' });
    expect(record.note(look([stale, stray, row()])).spare).toEqual([stale, stray]);
    expect(record.of('B')).toEqual([]);
  });

  it('forgets a sandbox with its addresses', () => {
    const record = new DenialRecord();
    record.note(look([row()]));
    record.note(look([row()], { owners: new Map() }));
    expect(record.of('A')).toEqual([]);
  });

  it('forgets what is older than a day', () => {
    const record = new DenialRecord();
    record.note(look([row()]));
    record.note(look([], { now: now + 86_400_001 }));
    expect(record.of('A')).toEqual([]);
  });

  it('keeps the newest of very many, and gives the rest of the room back', () => {
    const record = new DenialRecord();
    const many = Array.from({ length: mostDenials + 100 }, (_, n) => row({ port: n + 1, lastAt: now - 1_000 + n }));
    const { spare } = record.note(look(many));
    expect(spare).toHaveLength(100);
    const later = Array.from({ length: 10 }, (_, n) => row({ to: '5.6.7.8', port: n + 1, lastAt: now }));
    record.note(look([...many.slice(100), ...later]));
    const kept = record.of('A');
    expect(kept).toHaveLength(mostDenials);
    expect(kept.filter(({ to }) => to === '5.6.7.8')).toHaveLength(10);
    expect(kept.some(({ to, port }) => to === '1.2.3.4' && port === 1)).toBe(false);
  });
});

describe('RunningTotals', () => {
  it('only grow, whatever begins anew, until their key is gone', () => {
    const totals = new RunningTotals();
    const both = new Set(['A', 'B']);
    totals.note(new Map([['A', 3]]), 1, both);
    expect(totals.all()).toEqual(
      new Map([
        ['A', 3],
        ['B', 0],
      ]),
    );
    totals.note(new Map([['A', 3]]), 2, both);
    expect(totals.all().get('A')).toBe(6);
    totals.note(new Map([['A', 1]]), 2, both);
    expect(totals.all().get('A')).toBe(7);
    totals.note(new Map([['A', 9]]), 2, new Set(['B']));
    expect(totals.all()).toEqual(new Map([['B', 0]]));
  });
});
