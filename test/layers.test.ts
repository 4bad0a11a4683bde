import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Rooms from the ground up; a file may import from its own floor and from those below. */
const floors: readonly (readonly string[])[] = [
  ['base'],
  ['log', 'metrics', 'audit', 'state'],
  ['spec', 'network', 'plan'],
  ['host'],
  ['observe', 'source', 'apply', 'controller'],
  ['monitor', 'session', 'image', 'health'],
  ['server'],
  ['cli', 'daemon.ts', 'engine.ts', 'look.ts'],
  ['main.ts'],
];

/** Rooms that decide and never do: what they may use from outside computes and touches nothing. */
const pureRooms = new Set(['spec', 'network', 'plan']);
const pureModules = new Set([
  'zod',
  'fast-json-patch',
  'cron',
  'smol-toml',
  'node:crypto',
  'node:path',
  'node:net',
  'node:url',
  'node:util',
]);
/** Of modules that can also do things, the part that only computes. */
const pureNames: Readonly<Record<string, readonly string[]>> = {
  'node:url': ['domainToASCII'],
  'node:net': ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly names: string;
  readonly isReexport: boolean;
}

const statement = /^(import|export)\s+(?:type\s+)?((?:[\w$*\s,{}]+?)\s+from\s+)?'([^']+)';/gm;
const dynamic = /\bimport\(\s*['"`]([^'"`]+)['"`]\s*\)/g;

/** Imports of one file, relative ones as paths below src. */
export function importsOf(file: string, text: string): Import[] {
  const place = (to: string) => (to.startsWith('.') ? normalize(join(dirname(file), to)) : to);
  const written = [...text.matchAll(statement)].map(([, word, names, to]) => ({
    from: file,
    to: place(to!),
    names: names ?? '',
    isReexport: word === 'export',
  }));
  const late = [...text.matchAll(dynamic)].map(([, to]) => ({
    from: file,
    to: place(to!),
    names: '',
    isReexport: false,
  }));
  return [...written, ...late];
}

const source = new URL('../src/', import.meta.url).pathname;
const files = globSync('**/*.ts', { cwd: source }).sort();
const texts = new Map(files.map((file) => [file, readFileSync(join(source, file), 'utf8')]));
const imports = [...texts].flatMap(([file, text]) => importsOf(file, text));
const inner = imports.filter(({ to }) => texts.has(to));

/** A room is a folder of src; each door below host/ is one of its own. */
function roomOf(file: string): string {
  const [first = '', second = ''] = file.split('/');
  return first === 'host' ? `host/${second}` : first;
}

function floorOf(file: string): number {
  const [first = ''] = file.split('/');
  return floors.findIndex((rooms) => rooms.includes(first));
}

describe('the rooms of src', () => {
  it('are all seen', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(inner.length).toBeGreaterThan(300);
    const seen = new Set(inner.map(({ from }) => roomOf(from)));
    const rooms = ['spec', 'network', 'plan', 'host/incus', 'host/nft', 'observe', 'source', 'apply', 'controller'];
    expect([...seen]).toEqual(expect.arrayContaining(rooms));
    const unread = files.filter(
      (file) => /^import\b/m.test(texts.get(file)!) && !imports.some(({ from }) => from === file),
    );
    expect(unread).toEqual([]);
  });

  it('have a floor each', () => {
    expect(files.filter((file) => floorOf(file) === -1)).toEqual([]);
  });

  it('import from files that exist, named in full', () => {
    const isInside = ({ to }: Import) => to.startsWith('.') || floorOf(to) !== -1;
    const broken = imports.filter((each) => isInside(each) && !texts.has(each.to));
    expect(broken.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('import from their own floor or from below', () => {
    const upwards = inner.filter(({ from, to }) => floorOf(to) > floorOf(from));
    expect(upwards.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('have no barrels', () => {
    expect(files.filter((file) => /(^|\/)(index|mod)\.ts$/.test(file))).toEqual([]);
    expect(imports.filter(({ isReexport }) => isReexport).map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('do not go round in circles', () => {
    const rooms = new Map<string, Set<string>>();
    for (const { from, to } of inner) {
      // Single files above all rooms wire them up; between files the linter finds circles.
      if (roomOf(from) === roomOf(to) || roomOf(from).endsWith('.ts') || roomOf(to).endsWith('.ts')) continue;
      rooms.set(roomOf(from), (rooms.get(roomOf(from)) ?? new Set()).add(roomOf(to)));
    }
    expect(rooms.size).toBeGreaterThan(6);
    expect(circles(rooms)).toEqual([]);
  });

  it('that decide do no input or output', () => {
    const outside = imports.filter(({ from, to }) => pureRooms.has(roomOf(from)) && !texts.has(to));
    expect(outside.length).toBeGreaterThan(5);
    const impure = outside.filter(({ to, names }) => !pureModules.has(to) || usesMore(to, names));
    expect(impure.map(({ from, to, names }) => `${from} → ${names}${to}`)).toEqual([]);
    const ambient = files.filter(
      (file) =>
        pureRooms.has(roomOf(file)) && /\b(process\.|fetch\(|Date\.now\(|Math\.random\()/.test(texts.get(file)!),
    );
    expect(ambient).toEqual([]);
  });
});

function usesMore(module: string, names: string): boolean {
  const allowed = pureNames[module];
  const used = names.match(/[\w$]+/g)?.filter((word) => word !== 'from' && word !== 'type') ?? [];
  return allowed !== undefined && used.some((name) => !allowed.includes(name));
}

/** Ways that lead back to where they began. */
function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const found: string[] = [];
  const visit = (room: string, way: readonly string[]) => {
    if (way.includes(room)) {
      found.push([...way.slice(way.indexOf(room)), room].join(' → '));
      return;
    }
    for (const next of graph.get(room) ?? []) visit(next, [...way, room]);
  };
  for (const room of graph.keys()) visit(room, []);
  return [...new Set(found)];
}

describe('what reads the imports', () => {
  it('finds every form of them', () => {
    const text = [
      `import { a } from './a.ts';`,
      `import type { b } from '../b/b.ts';`,
      `import {\n  c,\n  type d,\n} from './c.ts';`,
      `import * as z from 'zod';`,
      `import './effect.ts';`,
      `export { e } from './e.ts';`,
      `export * from './f.ts';`,
      `const late = await import('./late.ts');`,
    ].join('\n');
    expect(importsOf('plan/x.ts', text).map(({ to }) => to)).toEqual([
      'plan/a.ts',
      'b/b.ts',
      'plan/c.ts',
      'zod',
      'plan/effect.ts',
      'plan/e.ts',
      'plan/f.ts',
      'plan/late.ts',
    ]);
  });

  it('finds circles', () => {
    const graph = new Map([
      ['a', new Set(['b'])],
      ['b', new Set(['c'])],
      ['c', new Set(['b'])],
    ]);
    expect(circles(graph)).toEqual(['b → c → b', 'c → b → c']);
  });
});
