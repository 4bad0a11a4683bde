import * as fc from 'fast-check';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { isName } from '../../src/host/tree/held-directory.ts';
import { chunkBytes } from '../../src/host/incus/sftp/sftp.ts';

/** Something in a directory, to be made on a disk. */
export type Thing =
  | { readonly kind: 'file'; readonly name: Buffer; readonly mode: number; readonly content: Buffer }
  | { readonly kind: 'symlink'; readonly name: Buffer; readonly target: Buffer }
  | { readonly kind: 'directory'; readonly name: Buffer; readonly mode: number; readonly things: readonly Thing[] };

const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength }).map((each) => Buffer.from(each));
const words = fc.constantFrom(
  'a b',
  ' ',
  '-rf',
  '--',
  '*',
  '"',
  "'",
  '$(id)',
  '\n',
  '\u001b[2J',
  'ü',
  '~',
  'con:lon',
  '.coi-x',
);
const names = fc
  .oneof(
    bytes(12),
    bytes(255),
    words.map((word) => Buffer.from(word)),
  )
  .filter(isName);
const modes = fc.constantFrom(0o644, 0o600, 0o755, 0o400, 0o777, 0o000, 0o4755, 0o2711);
const borders = [
  0,
  1,
  chunkBytes - 1,
  chunkBytes,
  chunkBytes + 1,
  2 * chunkBytes,
  17 * chunkBytes - 1,
  17 * chunkBytes + 1,
];
const sizes = fc.oneof(fc.constantFrom(...borders), fc.nat(3_000));

/** Content of all sizes: noise, and holes in it. */
const contents = fc.tuple(sizes, fc.integer(), fc.boolean(), fc.boolean()).map(([size, seed, hasHole, endsEmpty]) => {
  const content = Buffer.alloc(size);
  let state = seed | 1;
  for (let at = 0; at < size; at += 1) content[at] = (state = Math.imul(state, 0x19660d) + 0x3c6ef35f) >>> 24;
  if (hasHole) content.fill(0, 0, Math.min(size, chunkBytes));
  if (endsEmpty) content.fill(0, Math.max(0, size - chunkBytes));
  return content;
});

const file = fc.record({ kind: fc.constant('file' as const), name: names, mode: modes, content: contents });
const targets = bytes(200).filter((target) => !target.includes(0));
const link = fc.record({ kind: fc.constant('symlink' as const), name: names, target: targets });

/** What is in a directory: names of any bytes, links to anywhere, modes of all kinds, sizes around the borders of chunks. */
export const trees = fc.letrec<{ directory: Thing; things: Thing[] }>((tie) => ({
  directory: fc.record({
    kind: fc.constant('directory' as const),
    name: names,
    mode: fc.constantFrom(0o755, 0o700, 0o1777, 0o500, 0o2775),
    things: tie('things'),
  }),
  things: fc.uniqueArray(
    fc.oneof({ maxDepth: 3, depthSize: 'small' }, { arbitrary: file, weight: 3 }, link, tie('directory')),
    { maxLength: 6, selector: ({ name }) => name.toString('latin1') },
  ),
})).things;

/** Makes things in a directory. */
export function make(directory: Buffer, things: readonly Thing[]): void {
  for (const thing of things) {
    const path = Buffer.concat([directory, Buffer.from('/'), thing.name]);
    if (thing.kind === 'symlink') {
      symlinkSync(thing.target, path);
      continue;
    }
    if (thing.kind === 'file') writeFileSync(path, thing.content);
    else {
      mkdirSync(path);
      make(path, thing.things);
    }
    chmodSync(path, thing.mode);
  }
}
