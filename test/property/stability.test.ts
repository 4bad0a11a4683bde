import { describe, expect, it } from 'vitest';
import type { Sandbox } from '../../src/spec/sandbox.ts';
import { isFull, sized } from '../helpers/full.ts';
import { pick, seed, seededRandom } from '../helpers/random.ts';
import { Explorer } from './explore.ts';
import { allChoices, worldOf, type Choice } from './worlds.ts';

const choices = allChoices();
const label = (choice: Choice) => Object.values(choice).join(' ');

const policy = { deletion: 'delete', drift: 'enforce', allow: 'in-place' } as const;

/** Manifests that planning treats differently. */
const manifests: readonly (readonly [what: string, changes: Partial<Sandbox>])[] = [
  ['the defaults', {}],
  ['drift observed, never restarted', { restart: 'never', policy: { ...policy, drift: 'observe' } }],
  ['a new instance allowed', { policy: { ...policy, allow: 'recreate' } }],
  ['restarts allowed', { policy: { ...policy, allow: 'restart' } }],
  ['frozen, drift observed', { state: 'frozen', policy: { ...policy, drift: 'observe' } }],
  ['stopped, never restarted', { state: 'stopped', restart: 'never' }],
  ['absent', { state: 'absent' }],
  ['protected', { policy: { ...policy, deletion: 'protect' } }],
  ['orphaned', { policy: { ...policy, deletion: 'orphan' } }],
];

/** Explored from every world, and where a run is whole with two events: there are ten times as many states as with one. */
const thorough = new Set(manifests.slice(0, 3).map(([what]) => what));

describe('from every world, whatever happens around it, the controller rests with everything as declared', () => {
  it.each(manifests)(
    `one sandbox: %s (seed ${seed})`,
    (what, changes) => {
      const explorer = new Explorer();
      const random = seededRandom(seed);
      const budget = isFull && thorough.has(what) ? 2 : 1;
      const share = isFull || thorough.has(what) ? 1 : 0.2;
      const sample = choices.filter(() => random() < share);
      for (const choice of sample) explorer.explore(worldOf({ a: choice }, changes), budget, label(choice));
      expect(choices.length).toBeGreaterThan(700);
      expect(explorer.tally.states).toBeGreaterThan(2_000);
    },
    300_000,
  );

  it('two sandboxes at a time, while nothing happens', () => {
    const explorer = new Explorer();
    const random = seededRandom(seed);
    const others = isFull ? choices.filter((_, index) => index % 40 === 0) : [pick(choices, random)];
    for (const a of choices)
      for (const b of others) explorer.explore(worldOf({ a, b }), 0, `${label(a)} beside ${label(b)}`);
    expect(explorer.tally.states).toBeGreaterThan(600);
  }, 300_000);

  it(`two sandboxes, random ways with up to four events (seed ${seed})`, () => {
    const random = seededRandom(seed);
    const explorer = new Explorer();
    for (let count = 0; count < sized(300, 10_000); count += 1) {
      const [a, b] = [pick(choices, random), pick(choices, random)];
      const [what, changes] = pick(manifests, random);
      const start = worldOf({ a, b }, changes);
      explorer.walk(start, { happenings: 4, random, label: `${count}: ${what}, ${label(a)} beside ${label(b)}` });
    }
    expect(explorer.tally.moves).toBeGreaterThan(3_000);
  }, 300_000);
});
