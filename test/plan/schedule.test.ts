import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scheduledState, type ScheduleCache } from '../../src/plan/schedule.ts';

const at = (iso: string) => Date.parse(iso);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
const office = { start: '0 9 * * 1-5', stop: '0 18 * * 1-5', timezone: 'Europe/Berlin' };

describe('scheduledState() over a working week', () => {
  it.each([
    // Monday 2 November 2026 is in winter time: 09:00 in Berlin is 08:00 UTC.
    { now: '2026-11-02T07:59:59Z', state: 'stopped', next: '2026-11-02T08:00:00.000Z' },
    { now: '2026-11-02T08:00:00Z', state: 'running', next: '2026-11-02T17:00:00.000Z' },
    { now: '2026-11-02T12:00:00Z', state: 'running', next: '2026-11-02T17:00:00.000Z' },
    { now: '2026-11-02T17:00:00Z', state: 'stopped', next: '2026-11-03T08:00:00.000Z' },
    { now: '2026-11-08T12:00:00Z', state: 'stopped', next: '2026-11-09T08:00:00.000Z' },
  ])('at $now it is $state until $next', ({ now, state, next }) => {
    const scheduled = scheduledState(office, at(now));
    expect(scheduled.state).toBe(state);
    expect(iso(scheduled.nextChangeMs)).toBe(next);
  });
});

describe('scheduledState() with one side only', () => {
  it('runs for good once start has fired', () => {
    const schedule = { start: '0 9 1 1 *', timezone: 'UTC' };
    expect(scheduledState(schedule, at('2026-06-01T00:00:00Z'))).toEqual({ state: 'running' });
  });

  it('stays stopped once stop has fired', () => {
    expect(scheduledState({ stop: '0 18 * * *', timezone: 'UTC' }, at('2026-06-01T17:00:00Z'))).toEqual({
      state: 'stopped',
    });
  });

  it('has no say while nothing has fired within five years', () => {
    expect(scheduledState({ start: '0 0 31 2 *', timezone: 'UTC' }, at('2026-06-01T00:00:00Z'))).toEqual({
      state: undefined,
    });
  });

  it('finds a firing four years back', () => {
    const leap = { start: '0 0 29 2 *', timezone: 'UTC' };
    expect(scheduledState(leap, at('2028-02-28T23:59:59Z')).state).toBe('running');
  });

  it('prefers stop when both fire at once', () => {
    const both = { start: '0 9 * * *', stop: '0 9,18 * * *', timezone: 'UTC' };
    expect(scheduledState(both, at('2026-06-01T12:00:00Z')).state).toBe('stopped');
  });
});

describe('scheduledState() when clocks change', () => {
  it.each([
    // In Berlin 02:30 does not exist on 29 March 2026: the clock jumps from 01:00 UTC = 02:00 to 03:00.
    { zone: 'Europe/Berlin', now: '2026-03-29T00:59:59Z', state: 'stopped' },
    { zone: 'Europe/Berlin', now: '2026-03-29T01:00:00Z', state: 'running' },
    // In New York it is 8 March 2026, at 07:00 UTC.
    { zone: 'America/New_York', now: '2026-03-08T06:59:59Z', state: 'stopped' },
    { zone: 'America/New_York', now: '2026-03-08T07:00:00Z', state: 'running' },
  ])('a skipped start fires once the clock has jumped: $zone $now $state', ({ zone, now, state }) => {
    const schedule = { start: '30 2 * * *', stop: '0 20 * * *', timezone: zone };
    expect(scheduledState(schedule, at(now)).state).toBe(state);
  });

  it.each([
    // 02:30 comes twice on 25 October 2026, at 00:30 and 01:30 UTC.
    { zone: 'Europe/Berlin', repeat: '2026-10-25T00:30:00Z', nextDay: '2026-10-26T01:30:00.000Z', hour: 2 },
    // 01:30 comes twice on 1 November 2026, at 05:30 and 06:30 UTC.
    { zone: 'America/New_York', repeat: '2026-11-01T05:30:00Z', nextDay: '2026-11-02T06:30:00.000Z', hour: 1 },
  ])('a repeated start fires once: $zone', ({ zone, repeat, nextDay, hour }) => {
    const schedule = { start: `30 ${hour} * * *`, stop: `45 ${hour} * * *`, timezone: zone };
    const first = at(repeat);
    expect(scheduledState(schedule, first - 1_000).state).toBe('stopped');
    expect(scheduledState(schedule, first).state).toBe('running');
    expect(scheduledState(schedule, first + 900_000).state).toBe('stopped');
    const secondPass = scheduledState(schedule, first + 3_600_000);
    expect(secondPass.state).toBe('stopped');
    expect(iso(secondPass.nextChangeMs)).toBe(nextDay);
  });

  it.each([
    { zone: 'Europe/Berlin', from: '2026-10-24T23:00:00Z' },
    { zone: 'America/New_York', from: '2026-11-01T03:30:00Z' },
    { zone: 'Australia/Lord_Howe', from: '2026-04-04T13:30:00Z' },
  ])('finds its way out of the repeated hour: $zone', ({ zone, from }) => {
    const schedule = { start: '*/5 * * * *', stop: '2-59/5 * * * *', timezone: zone };
    for (let minute = 0; minute < 240; minute += 13) {
      const now = at(from) + minute * 60_000;
      expect(scheduledState(schedule, now).nextChangeMs).toBeGreaterThan(now);
    }
  });

  it('keeps the wall clock time across both changes', () => {
    expect(scheduledState(office, at('2026-03-30T06:59:59Z')).state).toBe('stopped');
    expect(scheduledState(office, at('2026-03-30T07:00:00Z')).state).toBe('running');
    expect(scheduledState(office, at('2026-10-26T07:59:59Z')).state).toBe('stopped');
    expect(scheduledState(office, at('2026-10-26T08:00:00Z')).state).toBe('running');
  });
});

const times = fc.integer({ min: at('2025-01-01T00:00:00Z'), max: at('2028-12-31T00:00:00Z') });
const hours = fc.integer({ min: 0, max: 23 });
const minutes = fc.integer({ min: 0, max: 59 });
const daysOfWeek = fc.constantFrom('*', '1-5', '0', '6', '2,4');
const expression = fc.tuple(minutes, hours, daysOfWeek).map(([minute, hour, day]) => `${minute} ${hour} * * ${day}`);
const schedules = fc.record({
  start: expression,
  stop: expression,
  timezone: fc.constantFrom('Europe/Berlin', 'America/New_York', 'UTC', 'Asia/Kolkata', 'Australia/Sydney'),
});

describe('scheduledState() in general', () => {
  it('gives the same answer with a used cache as without', () => {
    const cache: ScheduleCache = new Map();
    fc.assert(
      fc.property(schedules, times, fc.integer({ min: -90_000_000, max: 90_000_000 }), (schedule, now, later) => {
        scheduledState(schedule, now, cache);
        expect(scheduledState(schedule, now + later, cache)).toEqual(scheduledState(schedule, now + later));
      }),
      { numRuns: 300 },
    );
  });

  it('does not change before the moment it names', () => {
    fc.assert(
      fc.property(schedules, times, fc.double({ min: 0, max: 1, noNaN: true }), (schedule, now, share) => {
        const { state, nextChangeMs = now } = scheduledState(schedule, now);
        const between = Math.min(nextChangeMs - 1, Math.floor(now + (nextChangeMs - now) * share));
        expect(scheduledState(schedule, Math.max(now, between)).state).toBe(state);
      }),
      { numRuns: 300 },
    );
  });

  it('is cheap enough to ask a thousand sandboxes every minute', () => {
    const cache: ScheduleCache = new Map();
    const fleet = Array.from({ length: 1_000 }, (_, index) => ({
      start: `${index % 60} ${index % 24} * * 1-5`,
      stop: `${(index * 7) % 60} ${(index + 9) % 24} * * 1-5`,
      timezone: index % 2 === 0 ? 'Europe/Berlin' : 'America/New_York',
    }));
    const ask = (now: number) => fleet.map((schedule) => scheduledState(schedule, now, cache));
    const start = at('2026-11-02T12:00:10Z');
    ask(start);
    const before = process.cpuUsage();
    for (let minute = 1; minute <= 10; minute += 1) ask(start + minute * 60_000);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 10_000).toBeLessThan(100);
  });
});
