import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openScratch } from '../../src/image/scratch.ts';

let above: string;
beforeEach(async () => {
  above = await mkdtemp(join(tmpdir(), 'coi-scratch-'));
});
afterEach(() => rm(above, { recursive: true }));

const dayMs = 86_400_000;
const at = (name: string) => join(above, name);

it('a directory for a root file system goes with all in it, and with what was left a day ago', async () => {
  for (const name of ['coi-rootfs-old', 'coi-rootfs-young', 'other']) {
    await mkdir(at(name));
    await writeFile(at(`${name}/file`), 'x');
  }
  await symlink(at('other'), at('coi-rootfs-link'));
  const old = (Date.now() - 2 * dayMs) / 1_000;
  for (const name of ['coi-rootfs-old', 'other']) await utimes(at(name), old, old);
  const scratch = await openScratch(Date.now(), above);
  await writeFile(join(scratch.dir, 'file'), 'x');
  expect(existsSync(at('coi-rootfs-old'))).toBe(false);
  await scratch[Symbol.asyncDispose]();
  expect(existsSync(scratch.dir)).toBe(false);
  expect(['coi-rootfs-young/file', 'other/file', 'coi-rootfs-link'].map((name) => existsSync(at(name)))).toEqual([
    true,
    true,
    true,
  ]);
});
