import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithinRules } from '../../src/network/narrower.ts';
import type { NetworkRules } from '../../src/network/rules.ts';

const list = (...entries: string[]): NetworkRules => ({
  mode: 'allowlist',
  allowed: Object.fromEntries(entries.map((entry) => [entry, true as const])),
});

describe('rules that let nothing more through', () => {
  it.each<[string, NetworkRules, NetworkRules, boolean]>([
    ['open is more than restricted', { mode: 'open' }, { mode: 'restricted' }, false],
    ['restricted is less than open', { mode: 'restricted', localNetwork: true }, { mode: 'open' }, true],
    ['nothing is less than anything', { mode: 'none' }, list('a.example'), true],
    ['anything is more than nothing', list('a.example'), { mode: 'none' }, false],
    ['restricted is more than a list', { mode: 'restricted' }, list('a.example'), false],
    ['a shorter list', list('a.example'), list('a.example', 'b.example'), true],
    ['another list', list('c.example'), list('a.example', 'b.example'), false],
    ['a wildcard over a name', list('*.example'), list('a.example'), false],
    [
      'names in place of the internet',
      list('a.example', '*.b.example:22', '203.0.113.7'),
      { mode: 'restricted' },
      true,
    ],
    ['a private address', list('192.168.1.7'), { mode: 'restricted' }, false],
    ['everything by address', list('0.0.0.0/0'), { mode: 'restricted' }, false],
    ['a private IPv6 address', list('fd00::1'), { mode: 'restricted' }, false],
    ['the local network', { mode: 'restricted', localNetwork: true }, { mode: 'restricted' }, false],
    ['the metadata service', { mode: 'restricted', metadata: true }, { mode: 'restricted' }, false],
    ['a list with the local network', { ...list('a.example'), localNetwork: true }, { mode: 'restricted' }, false],
  ])('%s', (_, rules, base, expected) => {
    expect(isWithinRules(rules, base)).toBe(expected);
  });

  const rules = fc.oneof(
    fc.constantFrom<NetworkRules>({ mode: 'open' }, { mode: 'none' }),
    fc
      .record({ localNetwork: fc.boolean(), metadata: fc.boolean() })
      .map(({ localNetwork, metadata }): NetworkRules => ({
        mode: 'restricted',
        ...(localNetwork && { localNetwork }),
        ...(metadata && { metadata }),
      })),
    fc
      .subarray(['a.example', '*.b.example', '203.0.113.7', '10.0.0.1', 'c.example:22'])
      .map((entries) => list(...entries)),
  );

  it('are the same rules, and lead on from each other', () => {
    fc.assert(
      fc.property(rules, rules, rules, (a, b, c) => {
        expect(isWithinRules(a, a)).toBe(true);
        expect(!(isWithinRules(a, b) && isWithinRules(b, c)) || isWithinRules(a, c)).toBe(true);
      }),
    );
  });
});
