import { describe, expect, it } from 'vitest';
import { parseVersion, renderVersion } from '../../src/image/versions.ts';
import { pick, seed, seededRandom } from '../helpers/random.ts';

describe('the alias of a version', () => {
  it('says its name and its second in UTC', () => {
    expect(renderVersion('coi', Date.UTC(2026, 10, 22, 1, 33, 5, 999))).toBe('coi-20261122-013305');
    expect(parseVersion('coi-20261122-013305')).toEqual({
      alias: 'coi-20261122-013305',
      name: 'coi',
      at: Date.UTC(2026, 10, 22, 1, 33, 5),
    });
  });

  it('is read as it was written, whatever the name', () => {
    const random = seededRandom(seed);
    const parts = ['coi', '-', 'a/b', '20261122-013305', '\n', 'ż', '.', '8'];
    for (let round = 0; round < 500; round += 1) {
      const name = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(parts, random)).join('');
      const at = Math.floor(random() * 4e9) * 1_000;
      const alias = renderVersion(name, at);
      expect(parseVersion(alias)).toEqual({ alias, name, at });
    }
  });

  it.each([
    'coi',
    'coi-',
    '-20261122-013305',
    '20261122-013305',
    'coi-20261122-01330',
    'coi-20261122-0133055',
    'coi-20261122-013305 ',
    'coi-20261322-013305',
    'coi-20260230-013305',
    'coi-20261122-243305',
    'coi-20261122-016005',
    'coi-00000101-000000',
    'coi_20261122-013305',
  ])('is not %j', (alias) => {
    expect(parseVersion(alias)).toBeUndefined();
  });
});
