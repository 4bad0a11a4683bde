import * as fc from 'fast-check';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sized } from '../helpers/full.ts';
import { seed } from '../helpers/random.ts';
import { treeOf } from '../session/save/tree.ts';
import { FileDesk } from './file-desk.ts';
import { make, type Thing, trees } from './file-trees.ts';

let desk: FileDesk;
let runs = 0;

beforeAll(async () => {
  desk = await FileDesk.open('trees');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

/** A tree as it is to be on the other side: without setuid, setgid and sticky, and without some other permissions. */
function without(mask: number, tree: ReturnType<typeof treeOf>) {
  const plain = [...tree].map(([path, { kind, mode, content }]) => {
    return [path, { kind, content, mode: kind === 'symlink' ? 0 : mode & 0o777 & ~mask }] as const;
  });
  return new Map(plain);
}

describe('any tree', () => {
  it('is the same inside, and the same again here', async () => {
    const check = async (things: readonly Thing[]) => {
      const number = (runs += 1);
      const [here, back] = [join(desk.here, `from-${number}`), join(desk.here, `back-${number}`)];
      mkdirSync(here);
      make(Buffer.from(here), things);
      const source = treeOf(here);
      const target = `coi-box:/srv/${number}`;
      expect(await desk.root('file', 'push', '-r', here, target)).toMatchObject({ code: 0 });
      expect(without(0, treeOf(join(desk.rootOf(), `srv/${number}`)))).toEqual(without(0, source));
      const pulled = await desk.root('file', 'pull', '-r', '--format=json', target, back);
      expect(pulled).toMatchObject({ code: 0 });
      expect(without(process.umask(), treeOf(back))).toEqual(without(process.umask(), source));
      // What is there already changes nothing.
      expect(await desk.root('file', 'push', '-r', `${here}/.`, target)).toMatchObject({ code: 0 });
      expect(await desk.root('file', 'pull', '-r', `${target}/.`, back)).toMatchObject({ code: 0 });
      expect(without(0, treeOf(join(desk.rootOf(), `srv/${number}`)))).toEqual(without(0, source));
      expect(without(process.umask(), treeOf(back))).toEqual(without(process.umask(), source));
    };
    await fc.assert(fc.asyncProperty(trees, check), {
      seed,
      numRuns: sized(25, 200),
      interruptAfterTimeLimit: 120_000,
    });
    expect(runs).toBeGreaterThan(5);
  });
});
