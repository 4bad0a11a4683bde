import { mkdtemp, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packTar, type TarEntry } from '../../src/base/pack-tar.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-tar-'));
});
afterAll(() => rm(dir, { recursive: true }));

const long = `${'deep/'.repeat(30)}ä file`;
const entries: readonly TarEntry[] = [
  { kind: 'directory', path: 'd', mode: 0o700 },
  { kind: 'file', path: 'd/a b', mode: 0o755, content: Buffer.from('x'.repeat(513)) },
  { kind: 'file', path: 'empty', mode: 0o644, content: Buffer.alloc(0) },
  { kind: 'file', path: long, mode: 0o600, content: Buffer.from('far') },
  { kind: 'link', path: 'link', target: '/nowhere/..' },
  { kind: 'link', path: `${long} 2`, target: `/${'t'.repeat(150)}` },
];

it.each([['tar'], ['busybox tar']])('%s unpacks what was packed', async (program) => {
  const archive = join(dir, 'archive.tar');
  await writeFile(archive, packTar(entries, Date.parse('2026-01-02T03:04:05Z')));
  const out = await mkdtemp(join(dir, 'out-'));
  const [file, ...args] = [...program.split(' '), '-C', out, '-xpf', archive];
  await execa(file, args);
  const inside = (path: string) => join(out, path);
  expect(await readFile(inside('d/a b'), 'utf8')).toBe('x'.repeat(513));
  expect(await readFile(inside('empty'), 'utf8')).toBe('');
  expect(await readFile(inside(long), 'utf8')).toBe('far');
  expect(await readlink(inside('link'))).toBe('/nowhere/..');
  expect(await readlink(inside(`${long} 2`))).toBe(`/${'t'.repeat(150)}`);
  const modes = await Promise.all(['d', 'd/a b', 'empty', long].map(async (each) => (await stat(inside(each))).mode));
  expect(modes.map((mode) => (mode & 0o777).toString(8))).toEqual(['700', '755', '644', '600']);
  expect((await stat(inside('d/a b'))).mtime.toISOString()).toBe('2026-01-02T03:04:05.000Z');
});
