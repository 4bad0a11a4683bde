import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { declares, Directory } from './fixtures/directory.ts';

const run = promisify(execFile);
const reader = new URL('fixtures/read-mounted.ts', import.meta.url).pathname;

/** Run a reader that mounts and unmounts what it reads, in a mount namespace of its own. */
async function inNamespace(directory: Directory, scene: string): Promise<unknown> {
  const args = ['--mount', '--propagation', 'private', process.execPath, reader, directory.path, scene];
  const { stdout } = await run('unshare', args, { timeout: 30_000 });
  return JSON.parse(stdout);
}

it('an unmounted directory is not an empty one', async () => {
  await using directory = await Directory.create();
  expect(await inNamespace(directory, 'unmount')).toEqual([
    { kind: 'complete', names: ['one'], codes: [], sentinel: true },
    { kind: 'partial', names: ['one'], codes: ['source.SentinelMissing'], sentinel: false },
    { kind: 'complete', names: ['one'], codes: [], sentinel: true },
  ]);
});

it('a read-only directory is a source without sentinel', async () => {
  await using directory = await Directory.create();
  await directory.write('a.toml', declares('one'));
  expect(await inNamespace(directory, 'read-only')).toEqual([
    { kind: 'complete', names: ['one'], codes: [], sentinel: false, warnings: ['source.sentinel-unwritable'] },
  ]);
});

it('a mount over a watched directory is noticed', async () => {
  await using directory = await Directory.create();
  expect(await inNamespace(directory, 'watch')).toEqual({ hintsAfterMount: true, hintsAfterSave: true });
});

it('a directory is still followed when the kernel grants no more watches', async () => {
  await using directory = await Directory.create();
  await directory.write('a.toml', declares('one'));
  // Limits of inotify(7) belong to the user namespace: see user_namespaces(7) and namespaces(7), /proc/sys/user.
  const script = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"';
  const reading = [process.execPath, reader, directory.path, 'change'];
  const args = ['--user', '--map-root-user', 'sh', '-c', script, 'sh', ...reading];
  const { stdout } = await run('unshare', args, { timeout: 30_000 });
  expect(JSON.parse(stdout)).toEqual({ hints: true });
});
