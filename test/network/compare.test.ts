import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffRuleset, rulesetStates } from '../../src/network/compare.ts';
import type { LoadedRuleset } from '../../src/network/compare.ts';
import { setIds } from '../../src/network/elements.ts';
import type { Element, Elements, SetId } from '../../src/network/elements.ts';

const element: fc.Arbitrary<Element> = fc.record(
  { uid: fc.constantFrom('A', 'B', 'C', undefined), value: fc.constantFrom('1', 'goto open') },
  { requiredKeys: ['uid'] },
);
const members = fc
  .dictionary(fc.constantFrom('k1', 'k2', 'k3', 'k4'), element)
  .map((entries) => new Map(Object.entries(entries)));
const elements: fc.Arbitrary<Elements> = fc
  .array(fc.tuple(fc.constantFrom(...setIds), members))
  .map((sets) => new Map(sets));
const skeleton = fc
  .dictionary(fc.constantFrom('chain a', 'chain b', 'set c'), fc.constantFrom('x', 'y'))
  .map((entries) => new Map(Object.entries(entries)));
const ruleset: fc.Arbitrary<LoadedRuleset> = fc.record({ skeleton, elements });

function applied(observed: Elements, { add, remove }: ReturnType<typeof diffRuleset>): Elements {
  const result = new Map<SetId, Map<string, Element>>([...observed].map(([id, set]) => [id, new Map(set)]));
  for (const { set, key } of remove) expect(result.get(set)?.delete(key)).toBe(true);
  for (const { set, key, ...rest } of add) {
    const target = result.get(set) ?? new Map<string, Element>();
    expect(target.has(key)).toBe(false);
    result.set(set, target.set(key, rest));
  }
  return result;
}

const plain = (sets: Elements) =>
  [...sets]
    .flatMap(([id, set]) => [...set].map(([key, value]) => JSON.stringify([id, key, value.uid, value.value])))
    .toSorted();

describe('diffRuleset', () => {
  it('leads from the observed elements to the expected ones, deletions first', () => {
    fc.assert(
      fc.property(ruleset, ruleset, (expected, observed) => {
        expect(plain(applied(observed.elements, diffRuleset(expected, observed)))).toEqual(plain(expected.elements));
      }),
    );
  });

  it('wants a reload exactly when chains, sets or tables differ', () => {
    fc.assert(
      fc.property(ruleset, ruleset, (expected, observed) => {
        const same = isDeepStrictEqual(expected.skeleton, observed.skeleton);
        expect(diffRuleset(expected, observed).reload).toBe(!same);
      }),
    );
  });

  it('finds nothing to do between equals', () => {
    fc.assert(
      fc.property(ruleset, (one) => {
        expect(diffRuleset(one, one)).toEqual({ reload: false, add: [], remove: [], reasons: [] });
      }),
    );
  });
});

describe('rulesetStates', () => {
  const of = (...uids: string[]): Elements =>
    new Map([['inet box4', new Map(uids.map((uid) => [`key-${uid}`, { uid }]))]]);
  const base = new Map([['chain a', 'x']]);

  it('tells current, missing, drifted and orphaned owners apart', () => {
    const expected: LoadedRuleset = {
      skeleton: base,
      elements: new Map([...of('A', 'B', 'C'), ['inet mode4', new Map([['m', { uid: 'C', value: 'goto open' }]])]]),
    };
    const states = rulesetStates(expected, { skeleton: base, elements: of('A', 'C', 'Z') });
    expect(states.base).toBe('current');
    expect(Object.fromEntries(states.byUid)).toEqual({ A: 'current', B: 'missing', C: 'drifted' });
    expect([...states.orphans]).toEqual(['Z']);
  });

  it('tells a missing base from a changed one', () => {
    const expected: LoadedRuleset = { skeleton: base, elements: new Map() };
    expect(rulesetStates(expected, { skeleton: new Map(), elements: new Map() }).base).toBe('missing');
    expect(rulesetStates(expected, { skeleton: new Map([['chain a', 'y']]), elements: new Map() }).base).toBe(
      'drifted',
    );
  });
});
