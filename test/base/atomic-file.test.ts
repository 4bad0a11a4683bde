import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomically } from '../../src/base/atomic-file.ts';
import { sized } from '../helpers/full.ts';
import { seed, seededRandom } from '../helpers/random.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coi-atomic-'));
  path = join(directory, 'state.json');
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const fixture = (name: string) => new URL(`fixtures/${name}.ts`, import.meta.url).pathname;

describe('writeFileAtomically()', () => {
  it('makes a file that only its owner reads, and leaves nothing else', async () => {
    await writeFileAtomically(path, 'one');
    expect(await readFile(path, 'utf8')).toBe('one');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['state.json']);
  });

  it('replaces content and mode', async () => {
    await writeFile(path, 'old', { mode: 0o600 });
    await writeFileAtomically(path, 'new', 0o644);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o644);
  });

  it('lets the last of many writers win, whole', async () => {
    const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(10_000));
    await Promise.all(contents.map((content) => writeFileAtomically(path, content)));
    expect(contents).toContain(await readFile(path, 'utf8'));
    expect(await readdir(directory)).toEqual(['state.json']);
  });

  it('leaves nothing behind where the directory is missing', async () => {
    await expect(writeFileAtomically(join(directory, 'no', 'file'), 'x')).rejects.toThrow('ENOENT');
    expect(await readdir(directory)).toEqual([]);
  });

  it('leaves nothing behind where a directory has the name', async () => {
    await mkdir(path);
    await expect(writeFileAtomically(path, 'x')).rejects.toThrow('EISDIR');
    expect(await readdir(directory)).toEqual(['state.json']);
  });

  it(`a writer killed at any moment leaves the old or the new content (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const size = 300_000;
    await writeFile(path, 'a'.repeat(size));
    for (let count = 0; count < sized(6, 60); count += 1) {
      const child = spawn(process.execPath, [fixture('write-forever'), path, String(size)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, random() * 40));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const content = await readFile(path, 'utf8');
      expect(content).toHaveLength(size);
      expect(new Set(content).size).toBe(1);
    }
  }, 120_000);

  it('a full disk leaves the old content and no part of the new', async () => {
    const small = join(directory, 'small');
    await mkdir(small);
    await chmod(small, 0o755);
    // A mount namespace of its own: the little file system is gone with the command.
    const script =
      'mount -t tmpfs -o size=64k tmpfs "$1" && printf old >"$1/f" && "$2" "$3" "$1/f" 300000; cat "$1/f"; echo; ls "$1"';
    const { stdout } = await execa('unshare', [
      '-m',
      'sh',
      '-c',
      script,
      'sh',
      small,
      process.execPath,
      fixture('write-once'),
    ]);
    expect(stdout.split('\n')).toEqual([expect.stringContaining('ENOSPC'), 'old', 'f']);
  });
});
