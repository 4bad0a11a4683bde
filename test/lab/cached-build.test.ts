import { mkdtemp, readdir, readFile, rm, utimes, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startRunning } from './running.ts';

const cachedBuild = fileURLToPath(new URL('cached-build', import.meta.url));

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'cached-build-'));
});
afterEach(() => rm(cache, { recursive: true }));

test('cached-build builds once for all who ask at the same time', async () => {
  const build = ['sh', '-c', `echo built >>${cache}/count; sleep 0.2; echo content >"$1/file"`, 'build'];
  await Promise.all([1, 2, 3].map(() => execa(cachedBuild, [`${cache}/image-1`, ...build])));
  expect(await readFile(`${cache}/count`, 'utf8')).toBe('built\n');
  expect(await readFile(`${cache}/image-1/file`, 'utf8')).toBe('content\n');
});

test('cached-build keeps nothing of a build that fails or is killed', async () => {
  const failing = await execa(cachedBuild, [`${cache}/image-1`, 'sh', '-c', 'echo half >"$1/file"; exit 3', 'build'], {
    reject: false,
  });
  expect(failing.exitCode).toBe(3);
  const killed = startRunning([
    cachedBuild,
    `${cache}/image-1`,
    'sh',
    '-c',
    'echo half >"$1/file"; echo at it; sleep 1',
    'build',
  ]);
  await killed.printed(/at it/);
  await killed.stop('SIGKILL');
  expect(await readdir(cache)).not.toContain('image-1');
  await execa(cachedBuild, [`${cache}/image-1`, 'sh', '-c', 'echo whole >"$1/other"', 'build']);
  expect(await readdir(`${cache}/image-1`)).toEqual(['other']);
  expect((await readdir(cache)).sort()).toEqual(['image-1', 'image.lock']);
});

test('cached-build drops what an old recipe made a week after its last use', async () => {
  for (const name of ['image-old', 'image-recent', 'other-old']) await mkdir(join(cache, name));
  const longAgo = Date.now() / 1000 - 9 * 86_400;
  await utimes(join(cache, 'image-old'), longAgo, longAgo);
  await utimes(join(cache, 'other-old'), longAgo, longAgo);
  await execa(cachedBuild, [`${cache}/image-new`, 'true']);
  expect((await readdir(cache)).sort()).toEqual(['image-new', 'image-recent', 'image.lock', 'other-old']);
});

test('cached-build deletes nothing of what a killed build left mounted', async () => {
  const [host, half] = [join(cache, 'host'), join(cache, '.building-image-dead/a b')];
  for (const path of [host, half]) await mkdir(path, { recursive: true });
  await writeFile(join(host, 'precious'), '');
  // In a view of its own: nothing stays mounted here, however this ends.
  const script = 'mount --bind "$1" "$2" && mount --bind "$1" "$2" && "$3" "$4" true';
  await execa('unshare', ['--mount', 'sh', '-c', script, 'sh', host, half, cachedBuild, `${cache}/image-1`]);
  expect((await readdir(cache)).sort()).toEqual(['host', 'image-1', 'image.lock']);
  expect(await readdir(host)).toEqual(['precious']);
});
