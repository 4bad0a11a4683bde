import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDefinition } from '../../src/image/read-definition.ts';

const folder = join(import.meta.dirname, '../../images');
const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory());

/** Every file of a definition. */
function filesOf(name: string): string[] {
  const entries = readdirSync(join(folder, name), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('the definitions that come with coi', () => {
  it('are base, coi and dummy', () => {
    expect(names.toSorted()).toEqual(['base', 'coi', 'dummy']);
  });

  it.each(names)('can be read, and build on what is there: %s', async (name) => {
    const { steps, bases, description, versions } = await readDefinition(join(folder, name));
    expect(description).toMatch(/.{10,}/);
    expect(steps.length === 0).toBe(name === 'dummy');
    const below = bases.flatMap((base) => (base.kind === 'definition' ? [base.name] : []));
    expect(names).toEqual(expect.arrayContaining(below));
    // What is pinned and not used is no pin.
    expect(Object.keys(Object.assign({}, ...steps.map((step) => step.versions)))).toHaveLength(
      Object.keys(versions).length,
    );
  });

  it.each(names)('name no registry: %s', (name) => {
    for (const file of filesOf(name)) expect(readFileSync(file, 'utf8')).not.toMatch(/https?:\/\/(?!\$)/);
  });
});
