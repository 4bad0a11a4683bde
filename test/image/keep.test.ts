import { describe, expect, it } from 'vitest';
import { decideVersions, type Versioned } from '../../src/image/keep.ts';
import { parseVersion, renderVersion } from '../../src/image/versions.ts';
import { pick, seed, seededRandom } from '../helpers/random.ts';

const of = (fingerprint: string, ...aliases: string[]): Versioned => ({ fingerprint, aliases });
const all = { isMeant: () => true };
const aliasesOf = (list: readonly { readonly alias: string }[]) => list.map(({ alias }) => alias);

describe('versions that stay', () => {
  it('are the newest of each name by time, whatever order they come in', () => {
    const random = seededRandom(seed);
    for (let round = 0; round < 200; round += 1) {
      const times = new Set(Array.from({ length: 12 }, () => Math.floor(random() * 4e9) * 1_000));
      const images = [...times].map((at, index) => of(`f${index}`, renderVersion(pick(['a', 'b', 'a-b'], random), at)));
      const keep = 1 + Math.floor(random() * 5);
      const shuffled = images.toSorted(() => random() - 0.5);
      const { kept, gone } = decideVersions(shuffled, { ...all, keep });
      expect([...aliasesOf(kept), ...aliasesOf(gone)].toSorted()).toEqual(
        images.flatMap((each) => each.aliases).toSorted(),
      );
      for (const name of ['a', 'b', 'a-b']) {
        const every = images.flatMap((each) => parseVersion(each.aliases[0]!)!).filter((each) => each.name === name);
        const newest = every.toSorted((a, b) => b.at - a.at).slice(0, keep);
        expect(aliasesOf(kept.filter((each) => each.name === name))).toEqual(aliasesOf(newest));
      }
    }
  });

  it('are those whose image anything else still means', () => {
    const images = [
      of('new', 'coi-20260105-000000'),
      of('plain', 'coi-20260104-000000', 'coi'),
      of('twice', 'coi-20260103-000000', 'other-20260103-000000'),
      of('used', 'coi-20260102-000000'),
      of('old', 'coi-20260101-000000', 'coi-20251231-000000'),
    ];
    const usersOf = ({ fingerprint }: Versioned) => (fingerprint === 'used' ? ['sandbox web'] : []);
    const { kept, gone } = decideVersions(images, { isMeant: ({ name }) => name === 'coi', keep: 1, usersOf });
    expect(kept.map(({ fingerprint, heldBy }) => [fingerprint, ...heldBy])).toEqual([
      ['new'],
      ['plain', 'coi'],
      ['twice', 'other-20260103-000000'],
      ['used', 'sandbox web'],
    ]);
    expect(aliasesOf(gone)).toEqual(['coi-20260101-000000', 'coi-20251231-000000']);
  });

  it('hold an older name of the same image', () => {
    const { kept, gone } = decideVersions([of('same', 'a-20260101-000000', 'a-20260102-000000')], { ...all, keep: 1 });
    expect(aliasesOf(kept)).toEqual(['a-20260102-000000', 'a-20260101-000000']);
    expect(gone).toEqual([]);
  });

  it('do not depend on images without a version', () => {
    expect(decideVersions([of('x'), of('y', 'coi')], { ...all, keep: 1 })).toEqual({ kept: [], gone: [] });
  });
});
