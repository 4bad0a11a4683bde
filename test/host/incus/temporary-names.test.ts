import { expect, it } from 'vitest';
import {
  isReservedName,
  isTemporaryName,
  temporaryNameFor,
  temporarySince,
} from '../../../src/host/incus/temporary-names.ts';

const at = Date.UTC(2026, 10, 22);
const name = temporaryNameFor('fork', { now: () => at });

it('a temporary name says when and what for it was given', () => {
  expect(name).toMatch(/^coi-fork-[0-9a-z]{26}$/);
  expect([temporarySince('fork', name), temporarySince('publish', name)]).toEqual([at, undefined]);
  expect([isTemporaryName(name), isReservedName(name)]).toEqual([true, true]);
});

it.each(['coi-fork-left', 'coi-fork-', `${name}0`, name.toUpperCase(), 'coi-publish-8zzzzzzzzzzzzzzzzzzzzzzzzz'])(
  '%j is none, and nobody gives a name that begins like one',
  (other) => {
    expect(isTemporaryName(other)).toBe(false);
    expect(isReservedName(other)).toBe(other === other.toLowerCase());
  },
);
