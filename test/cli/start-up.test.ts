import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../src/', import.meta.url));

/** What a file loads at once: modules by their path below src/, packages by name. Types and `await import` cost nothing. */
function loads(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(resolve(root, file), 'utf8');
  for (const [, what, from] of text.matchAll(/^import (.*?)(?: from )?'([^']+)';$/gms)) {
    if (what!.startsWith('type ')) continue;
    const isTypesOnly =
      /^\{[^}]*\}$/.test(what!) &&
      what!
        .slice(1, -1)
        .split(',')
        .filter((name) => name.trim())
        .every((name) => name.trim().startsWith('type '));
    if (isTypesOnly) continue;
    if (from!.startsWith('.')) loads(resolve(root, dirname(file), from!).slice(root.length), seen);
    else seen.add(from!);
  }
  return seen;
}

/** Packages that take longer to load than a quick command may take. */
const slow = [
  'zod',
  'undici',
  'node:http',
  'execa',
  'pino',
  'prom-client',
  'chokidar',
  'cron',
  'node:sqlite',
  'smol-toml',
];

describe('start-up', () => {
  it.each(['main.ts', 'cli/main.ts', 'cli/list.ts', 'cli/status.ts', 'cli/why.ts', 'cli/events.ts'])(
    '%s loads nothing slow',
    (file) => {
      const loaded = loads(file);
      expect(loaded.size).toBeGreaterThan(1);
      expect([...loaded].filter((each) => slow.includes(each))).toEqual([]);
    },
  );

  it('help loads no package at all', () => {
    const packages = [...loads('cli/main.ts')].filter((each) => !each.endsWith('.ts') && !each.startsWith('node:'));
    expect(packages).toEqual([]);
  });

  it('sees what is slow where it is', () => {
    expect([...loads('cli/validate.ts')]).toEqual(expect.arrayContaining(['zod', 'smol-toml']));
  });
});
