import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { costOf, type DirectoryEntry, type Entry, type FileEntry } from '../../../src/host/tree/entry.ts';
import { keepWithin } from '../../../src/session/save/keep-within.ts';
import { LeftOut } from '../../../src/host/tree/left-out.ts';

const name = Buffer.from('x');
const file = fc
  .oneof(fc.nat({ max: 100_000 }), fc.constant(Number.POSITIVE_INFINITY))
  .map((size): FileEntry => ({ kind: 'file', name, path: name, size, mode: 0, modifiedS: 0 }));
const directory = (children: Entry[]): DirectoryEntry => ({ kind: 'directory', name, path: name, mode: 0, children });
const { tree } = fc.letrec<{ tree: DirectoryEntry }>((tie) => ({
  tree: fc.array(fc.oneof({ depthSize: 'small' }, file, tie('tree')), { maxLength: 6 }).map(directory),
}));

function filesOf({ children }: DirectoryEntry): FileEntry[] {
  return children.flatMap((child) =>
    child.kind === 'directory' ? filesOf(child) : child.kind === 'file' ? [child] : [],
  );
}

test('what is kept is within the limit, and nothing smaller than it was left out for it', () => {
  fc.assert(
    fc.property(tree, fc.nat({ max: 300_000 }), (root, limit) => {
      const all = filesOf(root);
      const leftOut = new LeftOut();
      const total = keepWithin(root, limit, leftOut);
      const kept = new Set(filesOf(root));
      const dropped = all.filter((each) => !kept.has(each));
      expect(total).toBe([...kept].reduce((sum, each) => sum + costOf(each), 0));
      expect(total).toBeLessThanOrEqual(limit);
      expect(leftOut.report().count).toBe(dropped.length);
      const largest = Math.max(0, ...[...kept].map(({ size }) => size));
      for (const each of dropped) expect(costOf(each)).toBeGreaterThanOrEqual(costOf({ ...each, size: largest }));
    }),
  );
});

test('a report stays small and harmless however much is left out', () => {
  const leftOut = new LeftOut();
  for (let count = 0; count < 10_000; count += 1)
    leftOut.add('too-large', Buffer.from(`\u001b[31m\n\u202e${'x'.repeat(5_000)}`));
  const report = leftOut.report();
  expect(report).toMatchObject({ count: 10_000 });
  expect(JSON.stringify(report).length).toBeLessThan(10_000);
  expect(report.examples[0]!.path).toMatch(/^\?\[31m\?\?x+…$/);
});
