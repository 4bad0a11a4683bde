import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { customDefinition } from '../../src/image/custom-definition.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'coi-custom-'));
  await writeFile(join(cwd, 'script'), '#!/bin/sh\n');
  await symlink('script', join(cwd, 'link'));
});
afterEach(() => rm(cwd, { recursive: true }));

const custom = (name: string, script = 'script') => customDefinition({ name, script, base: 'coi', cwd });

it('is a script on top of an image', async () => {
  expect(await custom('mine')).toMatchObject({ alias: 'mine', bases: [{ kind: 'image', alias: 'coi' }] });
});

it.each([
  ['coi', 'script', 'would be built from itself'],
  ['mine-20260101-000000', 'script', 'cannot be the name of an image'],
  ['My', 'script', 'cannot be the name of an image'],
  ['mine', 'link', 'Cannot read the script "link": it is a link'],
  ['mine', '.', 'Cannot read the script ".": it is no regular file'],
  ['mine', 'none', 'ENOENT'],
])('%s from %s is refused: %s', async (name, script, why) => {
  await expect(custom(name, script)).rejects.toThrow(why);
});
