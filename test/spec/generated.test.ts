import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fieldReference } from '../../src/spec/field-reference.ts';
import { manifestJsonSchemaText } from '../../src/spec/json-schema.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';

const root = new URL('../../', import.meta.url).pathname;

describe('what is generated from the schema is committed as it stands (renew with `npx vitest run test/spec -u`)', () => {
  it('desired-state/README.md', async () => {
    await expect(fieldReference()).toMatchFileSnapshot(`${root}desired-state/README.md`);
  });

  it('desired-state/coi.schema.json', async () => {
    await expect(manifestJsonSchemaText()).toMatchFileSnapshot(`${root}desired-state/coi.schema.json`);
  });
});

/** Manifests in TOML blocks of a Markdown text. */
function manifestsIn(markdown: string): string[] {
  return [...markdown.matchAll(/^```toml\n([\s\S]*?)^```$/gm)]
    .map(([, text]) => text!)
    .filter((text) => text.includes('apiVersion'));
}

describe('what users copy is valid', () => {
  const files = globSync(['desired-state/*.toml', 'examples/**/*.toml'], { cwd: root }).map((file) => ({
    file,
    text: readFileSync(root + file, 'utf8'),
  }));
  const inText = manifestsIn(fieldReference()).map((text, index) => ({ file: `README block ${index}`, text }));
  const all = [...files, ...inText].filter(({ text }) => text.includes('apiVersion'));

  it('and there is something to look at', () => {
    expect(all.length).toBeGreaterThan(0);
  });

  it.each(all)('$file', ({ file, text }) => {
    const parsed = parseManifestFile({ file, text, source: 'test', home: '/home/someone', settings: {} });
    expect(parsed.problems).toEqual([]);
    expect(parsed.manifests.length).toBeGreaterThan(0);
  });
});
