import { describe, expect, it } from 'vitest';
import type { BuildStep, Definition } from '../../src/image/definition.ts';
import { recipeOf, stageHashes } from '../../src/image/recipe.ts';

const step = (name: string, change: Partial<BuildStep> = {}): BuildStep => ({
  name,
  trees: [],
  script: Buffer.from(`#!/bin/sh\n${name}\n`),
  versions: {},
  ...change,
});
const file = (content: string, isExecutable = false, path = 'etc/a') => ({
  folder: '/anywhere',
  entries: [{ kind: 'file' as const, path, isExecutable, content: Buffer.from(content) }],
});
const steps = [step('one'), step('two', { trees: [file('x')], versions: { VERSION_NODE: '24' } }), step('three')];

const changes: readonly (readonly [string, BuildStep])[] = [
  ['its name', step('other', { ...steps[1]!, name: 'other' })],
  ['its script', { ...steps[1]!, script: Buffer.from('#!/bin/sh\n') }],
  ['a file', { ...steps[1]!, trees: [file('y')] }],
  ['the path of a file', { ...steps[1]!, trees: [file('x', false, 'etc/b')] }],
  ['whether a file is a program', { ...steps[1]!, trees: [file('x', true)] }],
  [
    'what a link leads to',
    { ...steps[1]!, trees: [{ folder: '/', entries: [{ kind: 'link', path: 'l', target: 't' }] }] },
  ],
  ['a version that it mentions', { ...steps[1]!, versions: { VERSION_NODE: '26' } }],
];

describe('stages of an image', () => {
  it.each(changes)('are others from the step on in which %s is another', (_, changed) => {
    const before = stageHashes('base', steps);
    const after = stageHashes('base', [steps[0]!, changed, steps[2]!]);
    expect(after.map((hash, index) => hash === before[index])).toEqual([true, false, false]);
  });

  it('are all others on another base, and do not depend on where files lie', () => {
    const before = stageHashes('base', steps);
    expect(stageHashes('other', steps).some((hash) => before.includes(hash))).toBe(false);
    const moved = [steps[0]!, { ...steps[1]!, trees: [{ ...file('x'), folder: '/elsewhere' }] }, steps[2]!];
    expect(stageHashes('base', moved)).toEqual(before);
  });
});

describe('the recipe of an image', () => {
  const definition: Definition = {
    name: 'web',
    alias: 'web',
    description: 'for the web',
    bases: [],
    versions: {},
    steps,
    expectations: [{ command: ['true'], user: 'root' }],
  };

  it('is another one when anything that goes in is, or what it is held to', () => {
    const others = [
      recipeOf(definition, 'other'),
      ...[
        { steps: steps.slice(0, 2) },
        { description: 'for others' },
        { alias: 'other' },
        { versions: { node: '24' } },
        { expectations: [] },
        { maxBytes: 1 },
      ].map((change) => recipeOf({ ...definition, ...change }, 'base')),
    ];
    expect(new Set([recipeOf(definition, 'base'), ...others]).size).toBe(others.length + 1);
    expect(recipeOf({ ...definition }, 'base')).toBe(recipeOf(definition, 'base'));
  });
});
