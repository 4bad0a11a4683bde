import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSessionName, slotCount } from '../../src/spec/names.ts';
import { declaredName, instanceName, sessionSourceName } from '../../src/spec/schema/formats.ts';
import { checkPrefix, parseSessionInstance, sessionNames, workspaceHash } from '../../src/spec/session-names.ts';

const hash = fc.stringMatching(/^[0-9a-f]{8}$/);
const slot = fc.integer({ min: 1, max: slotCount });
const prefix = fc.oneof(fc.constant('coi-'), fc.stringMatching(/^[a-z][a-z0-9-]{0,40}-$/)).filter(isUsable);

function isUsable(text: string): boolean {
  return !/^(?:coi-)?del-/.test(text);
}

describe('workspaceHash()', () => {
  it('is what the names of the original are made with', () => {
    expect(workspaceHash('/tmp/testdir')).toBe('bbb41b38');
  });

  it('is that of the cleaned path', () => {
    expect(workspaceHash('/tmp/x/../testdir/')).toBe('bbb41b38');
    expect(workspaceHash('/tmp/testdir2')).not.toBe('bbb41b38');
  });
});

describe('sessionNames()', () => {
  it('makes the names of the original', () => {
    expect(sessionNames({ prefix: 'coi-', hash: 'bbb41b38', slot: 1 })).toEqual({
      name: 'bbb41b38-1',
      instance: 'coi-bbb41b38-1',
    });
  });

  it('makes names that every place takes for a session, that read back, and that no manifest can declare', () => {
    fc.assert(
      fc.property(prefix, hash, slot, (...[first, second, third]) => {
        const id = { prefix: first, hash: second, slot: third };
        const { name, instance } = sessionNames(id);
        expect(parseSessionInstance(instance)).toEqual(id);
        expect(
          [sessionSourceName, instanceName].map((format, index) => format.safeParse([name, instance][index]).success),
        ).toEqual([true, true]);
        expect([isSessionName(name), declaredName.safeParse(name).success]).toEqual([true, false]);
      }),
    );
  });

  it('gives two sessions neither the same sandbox nor the same instance', () => {
    const id = fc.record({ prefix, hash, slot });
    fc.assert(
      fc.property(id, id, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        expect(sessionNames(a).name).not.toBe(sessionNames(b).name);
        expect(sessionNames(a).instance).not.toBe(sessionNames(b).instance);
      }),
    );
    const other = { hash: 'bbb41b38', slot: 1 };
    expect(sessionNames({ prefix: 'x-', ...other }).name).not.toBe(sessionNames({ prefix: 'coi-', ...other }).name);
  });
});

describe('checkPrefix()', () => {
  it('is the usual one unless told', () => {
    expect([checkPrefix(undefined), checkPrefix(''), checkPrefix('ci-7-')]).toEqual(['coi-', 'coi-', 'ci-7-']);
  });

  it.each(['x', '-', '7-', 'A-', 'a b-', 'a/b-', '../-', 'a\n-', 'del-', 'coi-del-', `${'x'.repeat(60)}-`, '$(id)-'])(
    'refuses %j',
    (text) => {
      expect(() => checkPrefix(text)).toThrow('no container');
    },
  );
});
