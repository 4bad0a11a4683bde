import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { counts, later, rows } from './rows.ts';

const all = Object.entries(counts).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, index) => `${letter}-${String(index + 1).padStart(2, '0')}`),
);
const proofs = Object.entries(rows).flatMap(([id, proof]) => [proof].flat().map((each) => ({ id, ...each })));

/** Names of tests as they stand in a file: behind `it(`, `test(`, or the table of either. */
function testsIn(file: string): ReadonlySet<string> {
  const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
  const names = text.matchAll(/(?:\b(?:it|test)|\))\(\s*(?:'((?:[^'\\\n]|\\.)+)'|"([^"\n]+)"),\s/g);
  return new Set([...names].map(([, single, double]) => single ?? double!));
}

describe('what is said to be proven', () => {
  it.each(proofs)('$id by the tests that are named of $file', ({ file, tests }) => {
    expect(tests.length).toBeGreaterThan(0);
    expect([...testsIn(file)]).toEqual(expect.arrayContaining([...tests]));
  });

  it('is every promise but those that come later, each for its reason', () => {
    expect([...Object.keys(rows), ...Object.keys(later)].toSorted()).toEqual(all.toSorted());
    for (const reason of Object.values(later)) expect(reason).toMatch(/^.{10,}$/);
  });
});
