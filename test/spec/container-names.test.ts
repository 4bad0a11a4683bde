import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerNames } from '../../src/spec/container-names.ts';
import { isSessionName } from '../../src/spec/names.ts';
import { instanceName, sessionSourceName } from '../../src/spec/schema/formats.ts';
import { parseSessionInstance, sessionNames } from '../../src/spec/session-names.ts';

/** Texts around what names look like. */
const nearly = fc
  .array(
    fc.constantFrom(
      'coi-',
      'del-',
      '1a2b3c4d',
      '-1',
      '-',
      'a',
      'Z',
      '0',
      '_',
      '.',
      '/',
      ' ',
      'ü',
      '\n',
      'x'.repeat(30),
    ),
    {
      maxLength: 6,
    },
  )
  .map((parts) => parts.join(''));

describe('the names of a container that is launched', () => {
  it.each([
    ['web', 'web'],
    ['coi-web', 'web'],
    ['coi-coi-web', 'coi-web'],
    ['coi-1a', '1a'],
    [`coi-${'x'.repeat(59)}`, 'x'.repeat(59)],
  ])('%s is the sandbox %s', (instance, name) => {
    expect(containerNames(instance)).toEqual({ names: { name, instance } });
  });

  it.each(['', 'coi-', 'Web', '1a', 'a.b', 'a_b', 'a-', '-a', 'a/../b', 'a b', 'x'.repeat(60), 'coi-del-x', 'del-x'])(
    'are none for %j',
    (instance) => {
      expect(containerNames(instance)).toEqual({ fault: expect.stringMatching(/.{20,}/) });
    },
  );

  it('are such that Incus and every source take, and never those of a session', () => {
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        const found = containerNames(text);
        if ('fault' in found) return;
        const { name, instance } = found.names;
        expect(instance).toBe(text);
        expect([instanceName.safeParse(instance).success, sessionSourceName.safeParse(name).success]).toEqual([
          true,
          true,
        ]);
        expect([isSessionName(name), parseSessionInstance(instance)]).toEqual([false, undefined]);
      }),
    );
  });

  it('are never those of a session of any prefix', () => {
    const prefix = fc.constantFrom('coi-', 'mine-', 'a-b-');
    const slot = fc.integer({ min: 1, max: 10 });
    fc.assert(
      fc.property(prefix, fc.stringMatching(/^[0-9a-f]{8}$/), slot, (begin, hash, number) => {
        const { instance } = sessionNames({ prefix: begin, hash, slot: number });
        expect(containerNames(instance)).toHaveProperty('fault');
      }),
    );
  });
});
