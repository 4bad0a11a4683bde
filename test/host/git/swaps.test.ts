import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCleanRepository } from '../../../src/host/git/clean-repository.ts';
import { holdRepository } from '../../../src/host/git/hold.ts';
import { findRepository, type Repository } from '../../../src/host/git/repository.ts';
import { takeFiles } from '../../../src/host/git/take-files.ts';
import { makeWorktrees, removeWorktrees, requireFree } from '../../../src/host/git/worktrees.ts';
import { HeldDirectory } from '../../../src/host/tree/held-directory.ts';

const { signal } = new AbortController();
let dir: string;
let workspace: string;
/** Another repository of the same user, which nobody in the workspace may read or write. */
let other: string;
let found: Repository;
let commit: string;

async function git(cwd: string, ...args: string[]): Promise<string> {
  const who = ['-c', 'user.name=T', '-c', 'user.email=t@example.org', '-c', 'core.hooksPath=/dev/null'];
  return (await execa('git', [...who, ...args], { cwd, env: { GIT_CONFIG_GLOBAL: '/dev/null' } })).stdout;
}

async function openProject(path: string, content: string, ...how: string[]): Promise<void> {
  await mkdir(join(path, 'd'), { recursive: true });
  await git(path, 'init', '--quiet', '-b', 'main', ...how);
  await writeFile(join(path, 'd/key'), content);
  await git(path, 'add', '-A');
  await git(path, 'commit', '--quiet', '-m', 'first');
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-swaps-'));
  workspace = join(dir, 'shop');
  other = join(dir, 'private');
  await openProject(workspace, 'own');
  await openProject(other, 'secret');
  await look();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function look(): Promise<void> {
  found = (await findRepository(workspace, signal))!;
  commit = await requireFree(found, [tree]);
}

const tree = {
  get path() {
    return join(dir, 'shop-try');
  },
  branch: 'try',
};
const make = () => makeWorktrees(found, { wanted: [tree], commit, signal });
const branches = (of: string) => git(of, 'branch', '--format=%(refname:short)');

/** Puts a link in the place of something, as root inside can at any moment. */
async function swap(path: string, to: string): Promise<void> {
  await rename(path, `${path}.before`);
  await symlink(to, path);
}

describe('what is swapped for a link after it was looked at', () => {
  it.each(['.git', '.git/objects', '.git/objects/pack', '.git/refs', '.git/refs/heads'])(
    '%s leads git neither to read nor to write in another repository',
    async (path) => {
      await git(other, 'gc', '--quiet');
      const before = await branches(other);
      await swap(join(workspace, path), join(other, path));
      await expect(make()).rejects.toMatchObject({ code: 'git.elsewhere' });
      expect(await branches(other)).toBe(before);
      expect(await readdir(join(other, '.git'))).not.toContain('worktrees');
      expect(await lstat(tree.path).catch(() => 'none')).toBe('none');
      expect(await removeWorktrees(found, { wanted: [tree], commit })).toEqual([tree]);
      expect(await branches(other)).toBe(before);
    },
  );

  it('.git/worktrees has nothing written into where it leads', async () => {
    const target = join(dir, 'target');
    await mkdir(target);
    await symlink(target, join(workspace, '.git/worktrees'));
    await expect(make()).rejects.toMatchObject({ code: 'git.elsewhere' });
    expect(await readdir(target)).toEqual([]);
    expect(await branches(workspace)).toBe('main');
    expect(await lstat(tree.path).catch(() => 'none')).toBe('none');
  });

  it('a directory has no file behind it taken, even when git has named it', async () => {
    const to = join(dir, 'taken');
    await mkdir(to);
    await swap(join(workspace, 'd'), join(other, 'd'));
    await execa('mkfifo', [join(workspace, 'fifo')]);
    await writeFile(join(workspace, 'plain'), 'as it is');
    using from = HeldDirectory.at(workspace);
    const paths = ['d/key', 'fifo', 'gone', 'plain', 'd.before/key'];
    await takeFiles({ from, to, paths, user: found.user, signal });
    expect(await readFile(join(to, 'plain'), 'utf8')).toBe('as it is');
    expect(await readFile(join(to, 'd.before/key'), 'utf8')).toBe('own');
    expect((await execa('grep', ['-r', 'secret', to], { reject: false })).stdout).toBe('');
    expect((await readdir(to)).toSorted()).toEqual(['d.before', 'plain']);
  });

  it('a file that its user may not read is not read, whoever reads', async () => {
    const to = join(dir, 'taken');
    await mkdir(to);
    await chmod(join(workspace, 'd/key'), 0);
    using from = HeldDirectory.at(workspace);
    const user = { ...found.user, uid: 65_534, gid: 65_534 };
    const taking = takeFiles({ from, to, paths: ['d/key'], user, signal });
    await expect(taking).rejects.toMatchObject({ code: 'git.unreadable', message: expect.stringContaining('"d/key"') });
  });

  it('objects are those that were there, once they are taken', async () => {
    await git(workspace, 'gc', '--quiet');
    await writeFile(join(workspace, 'loose'), 'loose');
    await git(workspace, 'add', '-A');
    await git(workspace, 'commit', '--quiet', '-m', 'second');
    const secret = await git(other, 'rev-parse', 'HEAD');
    using held = holdRepository(found);
    await using clean = await openCleanRepository(held, found.user, signal);
    await swap(join(workspace, '.git/objects'), join(other, '.git/objects'));
    const on = { workTree: clean.dir, index: join(clean.dir, 'index') };
    expect(await clean.run(['cat-file', '-p', `${commit}:d/key`], on)).toBe('own');
    expect(await clean.run(['cat-file', '-p', await git(dir, 'hash-object', join(workspace, 'loose'))], on)).toBe(
      'loose',
    );
    await expect(clean.run(['cat-file', '-p', secret], on)).rejects.toMatchObject({ code: 'git.failed' });
  });
});

describe('a FIFO, whose reader waits for ever,', () => {
  it.each(['.git/index', '.git/HEAD', '.git/packed-refs', '.git/config', '.git/info/exclude'])(
    'is refused as %s',
    async (path) => {
      const fifo = join(workspace, path);
      await rm(fifo, { force: true });
      await mkdir(join(workspace, '.git/info'), { recursive: true });
      await execa('mkfifo', [fifo]);
      await expect(findRepository(workspace, signal)).rejects.toMatchObject({ code: 'git.elsewhere' });
      // Put there later, too.
      const later = async () => {
        await requireFree(found, [tree]);
        await make();
      };
      await expect(later()).rejects.toMatchObject({ code: 'git.elsewhere' });
    },
  );
});

describe('a repository of any kind', () => {
  const copied = async () => {
    await look();
    await make();
    await git(workspace, 'fsck', '--strict');
    return {
      key: await readFile(join(tree.path, 'd/key'), 'utf8'),
      status: await git(tree.path, 'status', '--porcelain'),
      branch: await git(tree.path, 'branch', '--show-current'),
      worktrees: (await git(workspace, 'worktree', 'list')).split('\n').length,
    };
  };
  const whole = { key: 'own', status: '', branch: 'try', worktrees: 2 };

  it('has packs, packed branches, and names that begin like the branch', async () => {
    await git(workspace, 'branch', 'other/try');
    await git(workspace, 'gc', '--quiet');
    expect(await copied()).toEqual(whole);
    await git(workspace, 'branch', 'deep/er');
    await git(workspace, 'pack-refs', '--all');
    const deep = { path: join(dir, 'shop-deep'), branch: 'deep' };
    await expect(requireFree(found, [deep])).rejects.toMatchObject({ code: 'git.taken' });
    await expect(requireFree(found, [{ ...tree, path: deep.path }])).rejects.toMatchObject({ code: 'git.taken' });
  });

  it('has ids of SHA-256', async () => {
    await rm(workspace, { recursive: true });
    await openProject(workspace, 'own', '--object-format=sha256');
    expect(await copied()).toEqual(whole);
  });

  it('has a branch that is called after a directory, and a worktree of the same name elsewhere', async () => {
    await git(workspace, 'checkout', '--quiet', '-b', 'a/b/c');
    await git(workspace, 'worktree', 'add', '--quiet', '-b', 'there', join(dir, 'elsewhere/shop-try'));
    await look();
    await make();
    expect((await git(workspace, 'worktree', 'list')).split('\n')).toHaveLength(3);
    expect(await removeWorktrees(found, { wanted: [tree], commit })).toEqual([]);
    expect((await git(workspace, 'worktree', 'list')).split('\n')).toHaveLength(2);
  });
});
