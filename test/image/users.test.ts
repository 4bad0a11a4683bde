import { expect, it } from 'vitest';
import { usersOfImage } from '../../src/image/users.ts';

const fingerprint = 'abc'.repeat(21) + 'd';
const image = { fingerprint, aliases: ['tools', 'tools-20260101-000000'] };

it.each([
  ['tools', true],
  ['tools-20260101-000000', true],
  [fingerprint, true],
  [fingerprint.slice(0, 12), true],
  ['abc', false],
  ['', false],
  ['tool', false],
  ['f'.repeat(64), false],
])('a sandbox with the image %j uses it: %j', (named, isUsed) => {
  expect(usersOfImage(image, [{ name: 'web', image: named }])).toEqual(isUsed ? ['web'] : []);
});
