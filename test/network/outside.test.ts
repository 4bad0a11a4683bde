import { expect, it } from 'vitest';
import { contains, parseAddress, parsePrefix } from '../../src/network/address.ts';
import { rangesOutside } from '../../src/network/outside.ts';
import { knownResolvers } from '../../src/network/resolvers.ts';
import { privateRanges, specialRanges } from '../../src/network/special-ranges.ts';

it('begins and ends with the family, and leaves out what touches and what lies in another', () => {
  expect(rangesOutside(4, [])).toEqual(['0.0.0.0-255.255.255.255']);
  expect(rangesOutside(4, ['0.0.0.0/0'])).toEqual([]);
  expect(rangesOutside(6, ['::/1', 'fe80::/10', 'fe80::5'])).toEqual([
    '8000::-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    'fec0::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  ]);
  expect(rangesOutside(4, ['10.0.0.2', '10.0.0.0/31', '10.0.0.4/30'])).toEqual([
    '0.0.0.0-9.255.255.255',
    '10.0.0.3',
    '10.0.0.8-255.255.255.255',
  ]);
});

it.each([
  ['special', specialRanges],
  ['private', privateRanges],
  ['resolvers', knownResolvers],
])('parts the addresses at the edges of the ranges that are %s', (_, ranges) => {
  for (const family of [4, 6] as const) {
    const last = family === 4 ? 0xffff_ffffn : (1n << 128n) - 1n;
    const prefixes = ranges[family].map((text) => parsePrefix(text)!);
    const outside = rangesOutside(family, ranges[family]).map((text) =>
      text.split('-').map((end) => parseAddress(end)!.value),
    );
    const width = BigInt(family === 4 ? 32 : 128);
    const edges = prefixes.flatMap(({ value, length }) => {
      const end = value + (1n << (width - BigInt(length))) - 1n;
      return [value - 1n, value, end, end + 1n];
    });
    for (const value of [0n, last, ...edges].filter((edge) => edge >= 0n && edge <= last)) {
      const isInside = prefixes.some((prefix) => contains(prefix, { family, value }));
      expect(outside.some(([from, to = from]) => from! <= value && value <= to!)).toBe(!isInside);
    }
  }
});
