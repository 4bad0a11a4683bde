import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitWishes, type GitWishes } from '../../../src/host/mount/git-places.ts';
import { openOwn } from '../../../src/host/mount/handle.ts';

let workspace: string;

beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'coi-git-'));
});
afterEach(() => rm(workspace, { recursive: true }));

async function write(path: string, text = ''): Promise<void> {
  await mkdir(dirname(join(workspace, path)), { recursive: true });
  await writeFile(join(workspace, path), text);
}

async function found(signal = new AbortController().signal): Promise<GitWishes> {
  await using top = await openOwn(workspace);
  const protectedPaths = ['.git/config', '.git/hooks'];
  return await gitWishes({ workspace: top, path: workspace, protectedPaths }, signal);
}

async function pathsFound(): Promise<string[]> {
  return (await found()).wishes.map(({ path }) => path);
}

/** The repository of a submodule. */
async function submodule(name: string, config = ''): Promise<void> {
  await write(`.git/modules/${name}/HEAD`);
  await write(`.git/modules/${name}/config`, config);
}

describe('places of git in a workspace', () => {
  it('are those of its repository and of all submodules, however deep in names and in each other', async () => {
    const deep = 'a/b/c/d/e/f/g/h/i/j';
    await submodule(deep, '[core]\n\tworktree = ../../../../../../../../../../../../lib\n');
    await submodule('one');
    await submodule('one/modules/two');
    const { wishes, faults } = await found();
    expect(faults).toEqual([]);
    const paths = wishes.map(({ path }) => path);
    for (const path of ['.git', `.git/modules/${deep}`, '.git/modules/one', '.git/modules/one/modules/two']) {
      expect(paths).toEqual(expect.arrayContaining([`${path}/config`, `${path}/hooks`, `${path}/commondir`]));
    }
    expect(paths).toContain('lib/.git');
  });

  it.each([
    ['worktree = "../../../su;b"', 'su;b/.git'],
    ['worktree = "../../../su#b" ; it', 'su#b/.git'],
    [String.raw`worktree = ../../../s\"u\\b`, String.raw`s"u\b/.git`],
    ['worktree = ../../../su\\\nb', 'sub/.git'],
    ['[core] worktree = ../../../sub # it', 'sub/.git'],
    ['[core "a]b"]WorkTree=../../../s"u b"  ', 'su b/.git'],
  ])('are named by %j', async (config, path) => {
    await submodule('one', config);
    const { wishes, faults } = await found();
    expect(faults).toEqual([]);
    expect(wishes.map((wish) => wish.path)).toContain(path);
  });

  it('are named by absolute paths, too, and in the configuration of the worktree', async () => {
    await write('.git/config', `[core]\nhooksPath = ${workspace}/own\n[include]\npath = /etc/gitconfig\n`);
    await write('.git/config.worktree', '[core] hooksPath = other');
    const paths = await pathsFound();
    expect(paths).toEqual(expect.arrayContaining(['own', 'other']));
    expect(paths.filter((path) => path.includes('etc'))).toEqual([]);
  });

  it.each(['~', '~ann'])('are named from the home %s of somebody, too', async (home) => {
    const [project] = workspace.split('/').slice(-1);
    await write('.git/config', `[core]\nhooksPath = ${home}/${project}/own\n[include]\npath = ${home}/.gitconfig\n`);
    const paths = await pathsFound();
    expect(paths).toContain('own');
    expect(paths.filter((path) => path.includes('gitconfig'))).toEqual([]);
  });

  const strange: Readonly<Record<string, () => Promise<void>>> = {
    'a name that is not text': async () => {
      await mkdir(join(workspace, '.git/modules'), { recursive: true });
      await mkdir(Buffer.concat([Buffer.from(`${workspace}/.git/modules/`), Buffer.from([0xff])]));
    },
    'a link': async () => {
      await mkdir(join(workspace, '.git/modules'), { recursive: true });
      await symlink('../../evil', join(workspace, '.git/modules/one'));
    },
    'more than is looked at': async () => {
      await submodule('one');
      for (let from = 0; from < 10_001; from += 501) {
        await Promise.all(Array.from({ length: 501 }, (_, at) => write(`.git/modules/x/${from + at}`)));
      }
    },
    'more submodules than are covered': async () => {
      for (let count = 0; count < 210; count += 1) await submodule(`m${count}`);
    },
    'names that are too deep': () => submodule(Array.from({ length: 20 }, () => 'a').join('/')),
    'a configuration that is too long': () => submodule('one', '#'.repeat(70_000)),
    'a configuration that names too much': () => submodule('one', 'path = a\n'.repeat(200)),
    'a configuration with a path of no text': () => submodule('one', String.raw`worktree = "../../../a\tb"`),
  };

  it.each(Object.entries(strange))('are all of the submodules, and that is said, with %s', async (_, make) => {
    await make();
    await write('.git/config');
    const { wishes, faults } = await found();
    expect(faults).toEqual([{ path: '.git/modules', why: expect.stringContaining('all of it is read-only inside') }]);
    expect(wishes.at(-1)).toEqual({ path: '.git/modules', missing: 'directory' });
    expect(wishes.length).toBeLessThan(1_200);
    expect(wishes.map(({ path }) => path)).toContain('.git/hooks');
  });

  it.each([
    ['line ends', '\r'.repeat(65_000)],
    ['heads', '['.repeat(65_000)],
    ['quoted heads', '["a'.repeat(21_000)],
    ['lines that go on', 'path=\\\n'.repeat(9_000)],
    ['spaces', ' '.repeat(65_000)],
    ['quotes', 'path="\\\n'.repeat(8_000)],
  ])('are found at once in a configuration of %s', { timeout: 5_000 }, async (_, config) => {
    for (let count = 0; count < 5; count += 1) await submodule(`m${count}`, config);
    expect(await pathsFound()).toContain('.git/modules/m0/hooks');
  });

  it('are few and reported where the configuration of the workspace itself names too many', async () => {
    await write('.git/config', 'path = a\n'.repeat(200));
    const { wishes, faults } = await found();
    expect(faults).toEqual([{ path: '.git/config', why: expect.stringContaining('more than 100 paths') }]);
    expect(wishes).toHaveLength(5);
  });

  it('are not looked for any more once nobody waits', async () => {
    await submodule('one');
    await expect(found(AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
  });
});
