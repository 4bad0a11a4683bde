import * as fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { locateToml, type KeyPath } from '../../src/spec/locate-toml.ts';

const text = `# a comment with [brackets] and "quotes"
title = "x"
[sandbox.web] # header
network = { mode = "open", "quoted key" = [1, 2] }
limits.cpu.count = '2'
command = [
  "bash", # first
  """multi
line = 1""",
]
when = 1979-05-27 07:32:00
[sandbox."a.b"]
x = true
[[rule]]
port = 1
[[rule]]
port = 2
[rule.inner]
y = 1
`;

describe('locateToml() finds', () => {
  const locator = locateToml(text);
  it.each<{ path: KeyPath; key: string; value: string }>([
    { path: ['title'], key: '2:1', value: '2:9' },
    { path: ['sandbox', 'web'], key: '3:10', value: '3:10' },
    { path: ['sandbox', 'web', 'network', 'mode'], key: '4:13', value: '4:20' },
    { path: ['sandbox', 'web', 'network', 'quoted key', 1], key: '4:47', value: '4:47' },
    { path: ['sandbox', 'web', 'limits', 'cpu', 'count'], key: '5:12', value: '5:20' },
    { path: ['sandbox', 'web', 'command', 1], key: '8:3', value: '8:3' },
    { path: ['sandbox', 'web', 'when'], key: '11:1', value: '11:8' },
    { path: ['sandbox', 'a.b', 'x'], key: '13:1', value: '13:5' },
    { path: ['rule', 1, 'port'], key: '17:1', value: '17:8' },
    { path: ['rule', 1, 'inner', 'y'], key: '19:1', value: '19:5' },
  ])('$path', ({ path, key, value }) => {
    const located = locator.at(path)!;
    expect(`${located.key.line}:${located.key.column}`).toBe(key);
    expect(`${located.value.line}:${located.value.column}`).toBe(value);
  });

  it('the longest part of a path that is there', () => {
    expect(locator.nearest(['sandbox', 'web', 'absent', 'key']).key).toEqual({ line: 3, column: 10 });
    expect(locator.nearest(['nothing']).key).toEqual({ line: 1, column: 1 });
  });

  it('its way through a text of a megabyte', () => {
    const large = `a = """${'x\\"'.repeat(350_000)}"""\nb = 1\n`;
    expect(locateToml(large).at(['b'])?.key).toEqual({ line: 2, column: 1 });
  });
});

const key = fc.oneof(
  fc.stringMatching(/^[a-z_-]{1,6}$/),
  fc.string({ minLength: 1, maxLength: 5 }).filter((name) => name !== '__proto__'),
);
const scalar = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom('"', "'", '"""', "'''", '\\', '#', '[', ']]', '{', '}', '\n', 'a = 1\n[b]'),
);
const { document } = fc.letrec((tie) => ({
  document: fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.array(scalar, { maxLength: 4 }),
    fc.array(tie('document'), { minLength: 1, maxLength: 3 }),
    tie('document'),
  ),
}));

/** Every key and element of a document. */
function pathsOf(value: unknown, path: KeyPath = []): KeyPath[] {
  if (typeof value !== 'object' || value === null) return [];
  const members = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
  return members.flatMap(([name, item]) => [[...path, name], ...pathsOf(item, [...path, name])]);
}

/** An inline form of a document: no table headers at all. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[ # list\n ${value.map(inline).join(' ,\n ')} ]`;
  if (typeof value !== 'object' || value === null)
    return JSON.stringify(value).replaceAll('\u007F', String.raw`\u007F`);
  return `{ ${Object.entries(value)
    .map(([name, item]) => `${JSON.stringify(name).replaceAll('\u007F', String.raw`\u007F`)} = ${inline(item)}`)
    .join(' , ')} }`;
}

const offsetOf = (toml: string, { line, column }: { line: number; column: number }) =>
  toml
    .split('\n')
    .slice(0, line - 1)
    .reduce((sum, row) => sum + row.length + 1, column - 1);

describe('locateToml() on any document', () => {
  it('finds every key that the parser finds', () => {
    fc.assert(
      fc.property(document, (data) => {
        const toml = stringify(data);
        const locator = locateToml(toml);
        for (const path of pathsOf(parse(toml)))
          expect(locator.at(path), `${JSON.stringify(path)} in\n${toml}`).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });

  it('points at the value: reading on from there gives that value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(key, scalar, { minKeys: 1, maxKeys: 4 }),
        fc.array(key, { maxLength: 2 }),
        (data, way) => {
          const nested = way.reduceRight<object>((below, name) => Object.fromEntries([[name, below]]), data);
          const toml = `v = ${inline(nested)}\n`;
          const locator = locateToml(toml);
          for (const [name, value] of Object.entries(data)) {
            const located = locator.at(['v', ...way, name])!;
            expect(toml.slice(offsetOf(toml, located.value)).startsWith(inline(value))).toBe(true);
            expect(toml.slice(offsetOf(toml, located.key)).startsWith(inline(name))).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('ends for any text at all', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'[ ] { } " \' = . , # a 1 \\'.split(' '), ' ', '\n') }),
        (any) => {
          expect(locateToml(any).nearest(['a']).key.line).toBeGreaterThan(0);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
