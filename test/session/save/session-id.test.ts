import * as fc from 'fast-check';
import { join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkSessionId, isSessionId, sessionsName } from '../../../src/session/save/session-id.ts';
import { sessionPartSchema } from '../../../src/spec/schema/files.ts';

const hostile = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(fc.constantFrom('..', '.', '/', '-', '\0', '\n', 'a', '%2e', '~', '$HOME', "'", '"', '\\'), {
      maxLength: 9,
    }),
  )
  .map((value) => (typeof value === 'string' ? value : value.join('')));

describe('A session id', () => {
  test('that is taken is one part of a path, stays where it is put and is no option', () => {
    fc.assert(
      fc.property(hostile, (id) => {
        if (!isSessionId(id)) return;
        expect(normalize(join('/sessions', id))).toBe(`/sessions/${id}`);
        expect(id).toMatch(/^[^-.\s/\0][^\s/\0]*$/);
        expect(Buffer.byteLength(id)).toBeLessThanOrEqual(128);
      }),
      { numRuns: 5_000 },
    );
  });

  test('is one for manifests where it is one for what is saved', () => {
    const taken = (id: string) => sessionPartSchema.safeParse({ id }).success;
    for (const id of ['v1.2_a-b', 'a.b', '.a', '-a', '']) expect(taken(id)).toBe(isSessionId(id));
    fc.assert(
      fc.property(hostile, (id) => {
        expect(taken(id)).toBe(isSessionId(id));
      }),
    );
  });

  test('may be a UUID, or the name of a workspace session', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(checkSessionId(id)).toBe(id);
      }),
    );
    expect(checkSessionId('workspace-session')).toBe('workspace-session');
  });

  test.each(['', '.', '..', '../x', 'a/b', '/etc', '-rf', '.hidden', 'a\0', 'a\n', '\na', 'ä', 'a b', 'x'.repeat(129)])(
    '%j is refused',
    (id) => {
      expect(() => checkSessionId(id)).toThrow(expect.objectContaining({ code: 'session.id' }));
    },
  );

  test('of 10 kB is refused without being repeated', () => {
    expect(() => checkSessionId('x'.repeat(10_000))).toThrow(/^.{1,200}$/);
  });
});

test('A tool names one directory, or is refused', () => {
  expect(sessionsName('claude')).toBe('sessions-claude');
  const places = (tool: string) => {
    try {
      return normalize(join('/home/.coi', sessionsName(tool)));
    } catch (error) {
      return (error as { readonly code?: unknown }).code;
    }
  };
  fc.assert(
    fc.property(hostile, (tool) => {
      expect([`/home/.coi/sessions-${tool}`, 'session.tool']).toContain(places(tool));
    }),
  );
});
