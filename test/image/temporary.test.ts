import { expect, it } from 'vitest';
import { isLeftOver, temporaryMs, temporaryName } from '../../src/image/temporary.ts';

const at = Date.UTC(2026, 10, 22);
const name = temporaryName({ now: () => at });

it('a temporary name says when it was given, so that what is left over is known', () => {
  expect(name).toMatch(/^coi-publish-[0-9a-z]{26}$/);
  expect([isLeftOver(name, at), isLeftOver(name, at + temporaryMs), isLeftOver(name, at + temporaryMs + 1)]).toEqual([
    false,
    false,
    true,
  ]);
});

it.each([
  'coi',
  'coi-publish-',
  'coi-publish-web',
  'coi-publish-8zzzzzzzzzzzzzzzzzzzzzzzzz',
  name.slice(4),
  `${name}0`,
])('%j is not a temporary name', (other) => {
  expect(isLeftOver(other, Number.MAX_SAFE_INTEGER)).toBe(false);
});
