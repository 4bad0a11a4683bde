import { describe, expect, it } from 'vitest';
import { trackAbsence } from '../../src/source/absence.ts';
import { mergeReads, type SourceSaid } from '../../src/source/merge.ts';
import type { SourceRead } from '../../src/source/source.ts';
import { Problem } from '../../src/base/problem.ts';
import type { Manifest } from '../../src/spec/sandbox.ts';
import { declares, parse } from './fixtures/directory.ts';

function manifestsOf(source: string, names: readonly string[]): Map<string, Manifest> {
  const file = { path: `/${source}/a.toml`, text: declares(...names), owner: { uid: 0, home: '/root' }, source };
  return new Map(parse(file).manifests.map((manifest) => [manifest.name, manifest]));
}

function said(id: string, names: readonly string[], deleted: readonly string[] = []): SourceSaid {
  return { source: { id, path: `/${id}` }, manifests: manifestsOf(id, names), tombstones: new Set(deleted) };
}

describe('several sources', () => {
  it('together declare what each of them declares', () => {
    const merged = mergeReads([said('a', ['one', 'two']), said('b', ['three'], ['four'])]);
    expect([...merged.manifests.keys()]).toEqual(['one', 'two', 'three']);
    expect([...merged.tombstones]).toEqual([['four', 'b']]);
    expect(merged.problems).toEqual([]);
  });

  it('that declare the same name declare it nowhere, and the problem names both files', () => {
    const merged = mergeReads([said('a', ['one', 'two']), said('b', ['one'])]);
    expect([...merged.manifests.keys()]).toEqual(['two']);
    expect(merged.problems.map(({ message }) => message)).toEqual([
      'sandbox "one" is declared in several sources: /a/a.toml:2 and /b/a.toml:2',
    ]);
    expect(merged.conflicts.get('one')).toBe(merged.problems[0]);
  });

  it('cannot declare and delete the same name', () => {
    const merged = mergeReads([said('a', ['one']), said('b', [], ['one'])]);
    expect([merged.manifests.size, merged.tombstones.size]).toEqual([0, 0]);
    expect(merged.problems[0]?.message).toContain('/a/a.toml:2 and /b (deleted there)');
  });

  it('may both delete the same name', () => {
    const merged = mergeReads([said('a', [], ['one']), said('b', [], ['one'])]);
    expect([[...merged.tombstones.keys()], merged.problems]).toEqual([['one'], []]);
  });

  it('cannot give one instance two names', () => {
    const a = said('a', ['one']);
    const one = a.manifests.get('one')!;
    const b = { ...said('b', []), manifests: new Map([['other', { ...one, name: 'other' }]]) };
    const merged = mergeReads([a, b]);
    expect([...merged.manifests.keys()]).toEqual([]);
    expect(merged.problems[0]?.message).toContain('sandbox "one" and sandbox "other" are both instance coi-one');
    expect([...merged.conflicts.keys()]).toEqual(['one', 'other']);
  });
});

describe('absence from a source', () => {
  const complete = (names: readonly string[], deleted: readonly string[] = []): SourceRead => ({
    kind: 'complete',
    revision: '',
    sentinel: true,
    manifests: manifestsOf('a', names),
    tombstones: new Set(deleted),
  });
  const problem = new Problem({ code: 'source.test', message: 'x' });
  const partial = (names: readonly string[]): SourceRead =>
    ({ ...complete(names), kind: 'partial', problems: [problem] }) as SourceRead;
  const failed: SourceRead = { kind: 'failed', problem };
  const owned = new Map([
    ['one', 'delete' as const],
    ['two', 'protect' as const],
  ]);

  it('counts complete reads since the first that lacked it', () => {
    const first = trackAbsence({ previous: [], read: complete(['two']), owned, now: 10 });
    expect(first).toEqual([{ name: 'one', deletion: 'delete', since: 10, reads: 1 }]);
    const second = trackAbsence({ previous: first, read: complete(['two']), owned, now: 20 });
    expect(second).toEqual([{ name: 'one', deletion: 'delete', since: 10, reads: 2 }]);
  });

  it('is not proved by a read that is not complete, nor forgotten', () => {
    for (const read of [partial([]), failed]) {
      expect(trackAbsence({ previous: [], read, owned, now: 10 })).toEqual([]);
      const previous = trackAbsence({ previous: [], read: complete(['two']), owned, now: 10 });
      expect(trackAbsence({ previous, read, owned, now: 20 })).toEqual(previous);
    }
  });

  it('ends when the name is back, in whatever read', () => {
    const previous = trackAbsence({ previous: [], read: complete(['two']), owned, now: 10 });
    expect(trackAbsence({ previous, read: partial(['one']), owned, now: 20 })).toEqual([]);
    const again = trackAbsence({ previous: [], read: complete(['two']), owned, now: 30 });
    expect(again[0]).toMatchObject({ since: 30, reads: 1 });
  });

  it('is none for what is deleted by command or gone', () => {
    expect(trackAbsence({ previous: [], read: complete([], ['one', 'two']), owned, now: 10 })).toEqual([]);
    const previous = trackAbsence({ previous: [], read: complete([]), owned, now: 10 });
    expect(trackAbsence({ previous, read: complete([]), owned: new Map(), now: 20 })).toEqual([]);
  });
});
