import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkData } from '../../src/spec/check-data.ts';
import { manifestJsonSchema } from '../../src/spec/json-schema.ts';
import { locateToml } from '../../src/spec/locate-toml.ts';
import { manifestFileSchema } from '../../src/spec/schema/files.ts';
import { keysOf } from '../../src/spec/schema/walk.ts';

type Node = Readonly<Record<string, unknown>>;

/** Words of draft-07 that judge nothing. */
const silent = new Set(['$schema', 'title', 'description', 'default']);

const isTable = (data: unknown): data is Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data);

/** The words of JSON Schema draft-07 that our schema uses; the first test holds that it uses no others. */
const judges: Readonly<Record<string, (word: never, data: unknown, node: Node) => boolean>> = {
  type: (type: string, data) => hasType(type, data),
  const: (value: unknown, data) => data === value,
  enum: (choices: unknown[], data) => choices.includes(data),
  anyOf: (choices: Node[], data) => choices.some((choice) => accepts(choice, data)),
  pattern: (pattern: string, data) => typeof data !== 'string' || new RegExp(pattern, 'u').test(data),
  minLength: (length: number, data) => typeof data !== 'string' || data.length >= length,
  minimum: (least: number, data) => typeof data !== 'number' || data >= least,
  maximum: (most: number, data) => typeof data !== 'number' || data <= most,
  maxItems: (most: number, data) => !Array.isArray(data) || data.length <= most,
  minItems: (least: number, data) => !Array.isArray(data) || data.length >= least,
  items: (item: Node, data) => !Array.isArray(data) || data.every((member) => accepts(item, member)),
  required: (names: string[], data) => !isTable(data) || names.every((name) => Object.hasOwn(data, name)),
  propertyNames: (name: Node, data) => !isTable(data) || Object.keys(data).every((key) => accepts(name, key)),
  properties: (members: Record<string, Node>, data) =>
    !isTable(data) ||
    Object.entries(members).every(([key, member]) => !Object.hasOwn(data, key) || accepts(member, data[key])),
  additionalProperties: (others: Node | false, data, { properties = {} }) =>
    !isTable(data) ||
    Object.entries(data).every(
      ([key, value]) => Object.hasOwn(properties as Node, key) || (others !== false && accepts(others, value)),
    ),
};

function accepts(node: Node, data: unknown): boolean {
  return Object.entries(node).every(([word, value]) => silent.has(word) || judges[word]!(value as never, data, node));
}

function hasType(type: string, data: unknown): boolean {
  if (type === 'array') return Array.isArray(data);
  if (type === 'integer') return Number.isInteger(data);
  if (type === 'object') return typeof data === 'object' && data !== null && !Array.isArray(data);
  return typeof data === type;
}

function nodesOf(node: Node): Node[] {
  const { properties, anyOf, additionalProperties, propertyNames, items } = node;
  const children = [
    ...Object.values(properties ?? {}),
    ...((anyOf as Node[]) ?? []),
    additionalProperties,
    propertyNames,
    items,
  ];
  return [node, ...children.filter(isTable).flatMap(nodesOf)];
}

const schema = manifestJsonSchema();

describe('manifestJsonSchema()', () => {
  it('uses only words that the judges of this test know', () => {
    const nodes = nodesOf(schema);
    expect(nodes.length).toBeGreaterThan(30);
    const words = new Set(nodes.flatMap((node) => Object.keys(node)));
    expect([...words].filter((word) => !silent.has(word) && !(word in judges))).toEqual([]);
  });

  it('says of every table what else may stand in it', () => {
    const tables = nodesOf(schema).filter(({ type }) => type === 'object');
    expect(tables.filter((table) => !('additionalProperties' in table))).toEqual([]);
  });

  it('describes every key', () => {
    const keysThere = nodesOf(schema).flatMap(({ properties }) => Object.values(properties ?? {}) as Node[]);
    expect(keysThere.filter((key) => !('description' in key))).toEqual([]);
  });
});

const values = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    'x',
    '2',
    '0-3',
    '0',
    '50%',
    '101%',
    '25ms/100ms',
    '4GiB',
    '4Gib',
    '10MiB/s',
    '5iops',
    '1h',
  ),
  fc.constantFrom<unknown>('0 9 * * *', '/w', '~/w', 'w', 'UTC', 'running', 'open', 'allowlist', 'restricted', 'none'),
  fc.constantFrom<unknown>('soft', 'delete', 'observe', 'restart', 'always', 'true', 'medium', 'bypass', 'A b', 'code'),
  fc.constantFrom<unknown>(0, 1, 10, 11, -1, 1.5, 70_000, true, false, [], ['a'], ['A'], [1], [''], {}, { a: 1 }),
);
const keys = keysOf(manifestFileSchema).filter(({ path }) => path.length > 2);
const names = fc.constantFrom('a', 'a', 'a', 'web-1', 'A', 'del-a', 'bbb41b38-1', '-a', 'constructor');
const assignments = fc.array(
  fc.record({
    name: names,
    path: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...keys.map(({ path }) => path.slice(2))) },
      { weight: 1, arbitrary: fc.constantFrom(['nonsense'], ['limits', 'nonsense'], ['tool', 'comand']) },
    ),
    value: values,
  }),
  { maxLength: 4 },
);

function assign(table: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...below] = path;
  if (below.length === 0) {
    table[key!] = value;
    return;
  }
  const next = Object.hasOwn(table, key!) ? table[key!] : undefined;
  const child = typeof next === 'object' && next !== null && !Array.isArray(next) ? next : {};
  table[key!] = child;
  assign(child as Record<string, unknown>, below, value);
}

describe('manifestJsonSchema() and our own check', () => {
  it('accept and refuse the same documents', () => {
    const outcomes = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(
        assignments,
        fc.constantFrom<unknown>('coi/v1', 'coi/v1', 'coi/v1', 'coi/v2', 1),
        (all, apiVersion) => {
          const data: Record<string, unknown> = { apiVersion };
          for (const { name, path, value } of all) assign(data, ['sandbox', name, ...path], structuredClone(value));
          const found = checkData({ schema: manifestFileSchema, data, file: 'f', locator: locateToml('') });
          // What a time zone is, JSON Schema cannot say.
          const visible = found.filter(({ path }) => path.at(-1) !== 'timezone');
          if (found.length > 0 && visible.length === 0) return;
          outcomes[found.length === 0 ? 'accepted' : 'refused'] += 1;
          expect({ data, accepted: accepts(schema, data) }).toEqual({ data, accepted: found.length === 0 });
        },
      ),
      { numRuns: 3_000 },
    );
    expect(outcomes.accepted).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(100);
  });
});
