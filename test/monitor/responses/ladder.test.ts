import { describe, expect, it } from 'vitest';
import { responses, type Match } from '../../../src/monitor/detection.ts';
import { heldBy, isLeftFrozen } from '../../../src/monitor/responses/held.ts';
import { responseTo } from '../../../src/monitor/responses/ladder.ts';
import type { Override } from '../../../src/plan/override.ts';

const rule = (more: Partial<Match['rule']>): Match['rule'] => ({
  id: 'a',
  title: 'A',
  severity: 'high',
  category: 'process',
  mitre: 'T1059',
  maturity: 'stable',
  ...more,
});
const all = { freezesOnHigh: true, killsOnCritical: true };
const none = { freezesOnHigh: false, killsOnCritical: false };

describe('what follows from a detection', () => {
  it.each([
    { severity: 'info', usual: 'log', noKill: 'log', noFreeze: 'log', neither: 'log' },
    { severity: 'warning', usual: 'alert', noKill: 'alert', noFreeze: 'alert', neither: 'alert' },
    { severity: 'high', usual: 'freeze', noKill: 'freeze', noFreeze: 'alert', neither: 'alert' },
    { severity: 'critical', usual: 'kill', noKill: 'freeze', noFreeze: 'kill', neither: 'alert' },
  ] as const)('by severity, as far as it is allowed: $severity', ({ severity, usual, noKill, noFreeze, neither }) => {
    const asked = rule({ severity });
    expect(responseTo(asked, all), 'all').toBe(usual);
    expect(responseTo(asked, { ...all, killsOnCritical: false }), 'no kill').toBe(noKill);
    expect(responseTo(asked, { ...all, freezesOnHigh: false }), 'no freeze').toBe(noFreeze);
    expect(responseTo(asked, none), 'neither').toBe(neither);
  });

  it('is what the rule says, within the same limits', () => {
    for (const response of responses) expect(responseTo(rule({ severity: 'info', response }), all)).toBe(response);
    expect(responses.map((response) => responseTo(rule({ response }), none))).toEqual([
      'log',
      'alert',
      'alert',
      'alert',
      'alert',
    ]);
  });

  it.each(['incubating', 'experimental'] as const)('is an alert at most for a rule that is %s', (maturity) => {
    expect(responseTo(rule({ maturity, severity: 'critical' }), all)).toBe('alert');
    expect(responseTo(rule({ maturity, response: 'network' }), all)).toBe('alert');
    expect(responseTo(rule({ maturity, severity: 'info' }), all)).toBe('log');
  });
});

describe('how a sandbox is held', () => {
  const own: Override = { kind: 'quarantine', reason: 'a: A', by: 'monitor', at: 0 };
  const other: Override = { kind: 'freeze', state: 'frozen', reason: 'lunch', by: 'dev', at: 0 };

  it.each([
    { what: 'nothing', overrides: [], frozen: false, held: 'no' },
    { what: 'a rule, without the network', overrides: [own], frozen: false, held: 'isolated' },
    { what: 'a rule, frozen', overrides: [{ ...own, state: 'frozen' as const }], frozen: true, held: 'frozen' },
    { what: 'a rule, ended', overrides: [{ ...own, state: 'stopped' as const }], frozen: false, held: 'ended' },
    { what: 'a command', overrides: [other], frozen: true, held: 'frozen-by-others' },
    {
      what: 'a rule and a command',
      overrides: [other, { ...own, state: 'frozen' as const }],
      frozen: true,
      held: 'frozen-by-others',
    },
    { what: 'somebody with incus pause', overrides: [], frozen: true, held: 'frozen-by-others' },
  ])('by $what', ({ overrides, frozen, held }) => {
    expect(heldBy(overrides, frozen)).toBe(held);
  });
});

describe('a sandbox that stands still when it is first seen', () => {
  const other: Override = { kind: 'freeze', state: 'frozen', reason: 'lunch', by: 'dev', at: 0 };
  const cut: Override = { kind: 'quarantine', reason: 'a: A', by: 'monitor', at: 0 };

  it.each([
    { what: 'nothing says why', overrides: [], power: 'running', isLeft: true },
    { what: 'only its network was taken away', overrides: [cut], power: 'running', isLeft: true },
    { what: 'somebody said so, and Incus has not heard yet', overrides: [other], power: 'running', isLeft: false },
    { what: 'Incus froze it', overrides: [], power: 'frozen', isLeft: false },
    { what: 'Incus has not said how it is', overrides: [], power: undefined, isLeft: false },
  ])('was left so: $isLeft, when $what', ({ overrides, power, isLeft }) => {
    expect(isLeftFrozen({ overrides, power, isGroupFrozen: true })).toBe(isLeft);
    expect(isLeftFrozen({ overrides, power, isGroupFrozen: false }), 'not frozen').toBe(false);
  });
});
