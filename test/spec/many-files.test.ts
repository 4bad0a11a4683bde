import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkReferences } from '../../src/spec/check-references.ts';
import { mergeFiles } from '../../src/spec/merge-files.ts';
import { editDistance, nearest } from '../../src/spec/nearest.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';
import { renderManifest } from '../../src/spec/render-manifest.ts';

const parse = (file: string, body: string, kind: 'declared' | 'session' = 'declared') =>
  parseManifestFile({
    file,
    text: `apiVersion = "coi/v1"\n${body}`,
    source: file,
    home: '/home/ann',
    settings: {},
    kind,
  });

describe('mergeFiles()', () => {
  it('takes a name that two files declare from neither, and names the other place in each', () => {
    const merged = mergeFiles([parse('a.toml', '[sandbox.x]\n[sandbox.y]'), parse('b.toml', '\n[sandbox.x]')]);
    expect(merged.manifests.map(({ name }) => name)).toEqual(['y']);
    expect(merged.problems).toMatchObject([
      {
        code: 'spec.duplicate',
        message: 'sandbox "x" is also declared in b.toml:3',
        position: { file: 'a.toml', line: 2 },
      },
      {
        code: 'spec.duplicate',
        message: 'sandbox "x" is also declared in a.toml:2',
        position: { file: 'b.toml', line: 3 },
      },
    ]);
  });

  it('does the same for two names of one instance', () => {
    const merged = mergeFiles([
      parse('a.toml', '[sandbox.x]'),
      parse('b.toml', '[sandbox.z]\ninstance = "coi-x"', 'session'),
    ]);
    expect(merged.manifests).toEqual([]);
    expect(merged.problems.map(({ message }) => message)).toContain('instance "coi-x" is also declared in b.toml:2');
  });

  it('keeps the problems of the files', () => {
    expect(mergeFiles([parse('a.toml', '[sandbox.x]\nimage = 1')]).problems).toHaveLength(1);
  });
});

describe('checkReferences()', () => {
  const check = (body: string) =>
    checkReferences(parse('a.toml', body).manifests).map(
      ({ name, problem }) => `${name} ${problem.code} ${problem.message}`,
    );

  it('accepts a chain', () => {
    expect(check('[sandbox.a]\ndepends_on = ["b"]\n[sandbox.b]\ndepends_on = ["c"]\n[sandbox.c]')).toEqual([]);
  });

  it('reports names that nobody declares and ones declared absent', () => {
    expect(check('[sandbox.a]\ndepends_on = ["b", "zz"]\n[sandbox.b]\nstate = "absent"')).toEqual([
      'a spec.reference sandbox "a" depends on "b", which is declared absent',
      'a spec.reference sandbox "a" depends on "zz", which no file declares',
    ]);
  });

  it('reports a circle to each member, and to nobody who merely leads there', () => {
    const circle = '[sandbox.a]\ndepends_on = ["b"]\n[sandbox.b]\ndepends_on = ["c"]\n[sandbox.c]\ndepends_on = ["a"]';
    expect(check(`${circle}\n[sandbox.d]\ndepends_on = ["a"]`)).toEqual([
      'a spec.cycle sandboxes depend on each other in a circle: a → b → c → a',
      'b spec.cycle sandboxes depend on each other in a circle: b → c → a → b',
      'c spec.cycle sandboxes depend on each other in a circle: c → a → b → c',
    ]);
  });
});

const text = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' });
const bodies = fc.record(
  {
    image: fc.constantFrom('coi', 'images:debian/13'),
    workspace: fc.constantFrom('~/a b', '/srv/x'),
    persistent: fc.boolean(),
    state: fc.constantFrom('running', 'frozen', 'stopped'),
    prompt: text,
    limits: fc.record(
      { cpu: fc.record({ count: fc.constantFrom('2', '', '0-1') }), runtime: fc.record({ max_processes: fc.nat(9) }) },
      { requiredKeys: [] },
    ),
    lifetime: fc.record({ ttl: fc.constantFrom('1h30m', '1.5s') }),
    schedule: fc.record({ start: fc.constant('0 9 * * 1-5'), timezone: fc.constantFrom('UTC', 'Europe/Warsaw') }),
    snapshots: fc.record(
      {
        schedule: fc.constantFrom('@daily', '0  3 * * *'),
        expiry: fc.constantFrom('7d', '1h30m', ''),
        stopped: fc.boolean(),
      },
      { requiredKeys: ['schedule'] },
    ),
    depends_on: fc.uniqueArray(fc.constantFrom('b', 'c', 'd')),
    incus: fc.record({ code_uid: fc.nat(60_000), disable_shift: fc.boolean() }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

describe('renderManifest()', () => {
  it('writes what reads back as the same sandbox', () => {
    fc.assert(
      fc.property(bodies, fc.array(text, { minLength: 1, maxLength: 3 }), (body, command) => {
        const table = Object.entries({ ...body, tool: { command } })
          .map(([key, value]) => `${key} = ${inline(value)}`)
          .join('\n');
        const { manifests, problems } = parse('a.toml', `[sandbox.a]\n${table}`);
        expect(problems).toEqual([]);
        const rendered = renderManifest(manifests[0]!);
        const again = parseManifestFile({
          file: 'b',
          text: rendered,
          source: 's',
          home: '/x',
          settings: {},
          kind: 'session',
        });
        expect(again.problems).toEqual([]);
        expect(again.manifests[0]).toMatchObject({ hash: manifests[0]!.hash, instance: 'coi-a' });
      }),
      { numRuns: 200 },
    );
  });

  it('writes what a command asked of a container, and mounts of all kinds, so that they read back', () => {
    const mounts = '{ "/a" = { host = "/x", shift = false, readonly = true, device = "d" }, "/b" = { host = "/y" } }';
    const { manifests } = parse('a.toml', `[sandbox.a]\nmounts = ${mounts}`);
    for (const asked of [{ at: 7 }, { at: 7, force: true }] as const) {
      const sandbox = { ...manifests[0]!.sandbox, asked };
      const rendered = renderManifest({ name: 'a', instance: 'a', sandbox });
      const where = { file: 'b', source: 's', home: '/x', settings: {} };
      const again = parseManifestFile({ ...where, text: rendered, kind: 'session' });
      expect(again.problems).toEqual([]);
      expect(again.manifests[0]).toMatchObject({ sandbox, instance: 'a' });
      // Nobody writes it into a file of his own.
      expect(parseManifestFile({ ...where, text: rendered }).problems).not.toEqual([]);
    }
  });
});

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value === 'object')
    return `{ ${Object.entries(value!)
      .map(([k, v]) => `${k} = ${inline(v)}`)
      .join(', ')} }`;
  return JSON.stringify(value).replaceAll('\u007F', String.raw`\u007F`);
}

describe('nearest()', () => {
  it.each([
    { word: 'workspce', meant: 'workspace' },
    { word: 'imgae', meant: 'image' },
    { word: 'Prompt', meant: 'prompt' },
    { word: 'volume', meant: undefined },
  ])('$word → $meant', ({ word, meant }) => {
    expect(nearest(word, ['workspace', 'image', 'prompt'])).toBe(meant);
  });

  it('counts a distance that is the same both ways and zero only for equals', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});
