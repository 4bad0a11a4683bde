import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SourceRead } from '../../src/source/source.ts';
import { declaresMemory, Directory, never } from './fixtures/directory.ts';

const files = ['a.toml', 'b.toml', 'folder/c.toml', 'folder/deep/d.toml', '.hidden.toml', 'old/e.toml'] as const;
const file = fc.constantFrom(...files);

const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write'), file, memory: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('save'), file, memory: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('break'), file }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove'), file }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rename'), file, to: file }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move folder') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read') }) },
);
type Change = { kind: string; file?: string; to?: string; memory?: number };

/** Every file declares a sandbox of its own, whatever it is called later. */
function nameOf(path: string): string {
  return `s-${path.replaceAll(/[^a-z]/g, '')}`;
}

/** Changes that a directory cannot take, such as a rename of what is not there, leave it as it is. */
const orNothing = () => undefined;

async function apply(directory: Directory, { kind, file: path = 'a.toml', to = 'a.toml', memory = 1 }: Change) {
  const text = declaresMemory(nameOf(path), `${memory}GiB`);
  if (kind === 'write') await directory.write(path, text);
  if (kind === 'break') await directory.write(path, 'this is no TOML');
  if (kind === 'remove') await rm(directory.at(path), { force: true });
  if (kind === 'move folder') await rename(directory.at('folder'), directory.at('old')).catch(orNothing);
  if (kind === 'rename') {
    await mkdir(dirname(directory.at(to)), { recursive: true });
    await rename(directory.at(path), directory.at(to)).catch(orNothing);
  }
  if (kind !== 'save') return;
  await directory.write(`${path}.tmp`, text);
  await rename(directory.at(`${path}.tmp`), directory.at(path));
}

function essence(read: SourceRead) {
  if (read.kind === 'failed') return { kind: read.kind, code: read.problem.code };
  const { kind, revision } = read;
  return { kind, revision, manifests: [...read.manifests].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

it('a source that saw any history says what a fresh one says, once all files are valid', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 14 }), async (history: Change[]) => {
      await using directory = await Directory.create();
      const source = await directory.open();
      for (const each of history) {
        if (each.kind === 'read') await source.read(never);
        else await apply(directory, each);
      }
      // What is not valid in the end is put right, each under a name of its own.
      const fresh = async () => await (await directory.open()).read(never);
      let expected = await fresh();
      while (expected.kind === 'partial') {
        for (const { position } of expected.problems) await rm(position!.file, { force: true });
        expected = await fresh();
      }
      expect(expected.kind).toBe('complete');
      expect(essence(await source.read(never))).toEqual(essence(expected));
    }),
    { numRuns: 60 },
  );
}, 120_000);

it('what a source says never loses a sandbox to a file that is not valid', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.constantFrom(...files.slice(0, 4)), { minLength: 1 }), async (broken) => {
      await using directory = await Directory.create();
      for (const path of files.slice(0, 4)) await directory.write(path, declaresMemory(nameOf(path), '1GiB'));
      const source = await directory.open();
      const before = await source.read(never);
      for (const path of broken) await directory.write(path, '[sandbox');
      const after = await source.read(never);
      expect(after.kind).toBe('partial');
      expect(after.kind !== 'failed' && after.manifests).toEqual(before.kind !== 'failed' && before.manifests);
    }),
    { numRuns: 8 },
  );
}, 60_000);
