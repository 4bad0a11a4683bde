import { expect, it } from 'vitest';
import { imageUsers, usersOfImage } from '../../src/image/users.ts';

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

it('images are used by sandboxes, sessions and declared images, not by what is to go or what an image is built in', () => {
  const sandboxes = [
    { name: 'web', image: 'tools', state: 'stopped' },
    { name: 'coi-1a2b3c4d-1', image: 'tools', state: 'running' },
    { name: 'coi-build-web', image: 'tools', state: 'running' },
    { name: 'coi-build-1a2b3c4d-1', image: 'tools', state: 'stopped' },
    { name: 'gone', image: 'tools', state: 'absent' },
    { name: 'unknown' },
  ];
  const images = [{ name: 'mine', base: 'tools-20260101-000000' }, { name: 'coi' }];
  expect(usersOfImage(image, imageUsers({ sandboxes, images }))).toEqual([
    'sandbox web',
    'sandbox coi-1a2b3c4d-1',
    'sandbox coi-build-web',
    'image mine',
  ]);
});
