import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { worktreeLeft } from '../../../src/cli/worktree-left.ts';
import type { SandboxReport } from '../../../src/controller/report.ts';
import { findRepository, type Repository } from '../../../src/host/git/repository.ts';
import { makeWorktrees, removeWorktrees, requireFree } from '../../../src/host/git/worktrees.ts';

const { signal } = new AbortController();
let dir: string;
let workspace: string;

/** Git as the workspace's user would use it. */
async function git(cwd: string, ...args: string[]): Promise<string> {
  const who = ['-c', 'user.name=T', '-c', 'user.email=t@example.org', '-c', 'core.hooksPath=/dev/null'];
  return (await execa('git', [...who, ...args], { cwd, env: { GIT_CONFIG_GLOBAL: '/dev/null' } })).stdout;
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-worktrees-'));
  workspace = join(dir, 'shop');
  await mkdir(workspace);
  await git(workspace, 'init', '--quiet', '-b', 'main');
  await writeFile(join(workspace, 'committed'), 'one\n');
  await writeFile(join(workspace, 'deleted'), 'gone\n');
  await writeFile(join(workspace, '.gitignore'), 'secret\nforced\n');
  await git(workspace, 'add', '-A');
  await git(workspace, 'commit', '--quiet', '-m', 'first');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function repository(): Promise<Repository> {
  return (await findRepository(workspace, signal))!;
}

function beside(name: string) {
  return { path: join(dir, `shop-${name}`), branch: name };
}

async function make(...names: string[]): Promise<void> {
  const found = await repository();
  const wanted = names.map(beside);
  await makeWorktrees(found, { wanted, commit: await requireFree(found, wanted), signal });
}

describe('worktrees for copies', () => {
  it('have what is committed, changed, staged and new, with modes, links and any names, but not what is ignored', async () => {
    const odd = Buffer.concat([Buffer.from(`${workspace}/odd \n`), Buffer.from([0xff, 0xfe])]);
    await writeFile(join(workspace, 'committed'), 'two\r\n');
    await rm(join(workspace, 'deleted'));
    await mkdir(join(workspace, 'new'));
    await writeFile(join(workspace, 'new/script'), '#!/bin/sh\n');
    await chmod(join(workspace, 'new/script'), 0o755);
    await symlink('/etc/passwd', join(workspace, 'link'));
    await writeFile(odd, 'odd');
    await writeFile(join(workspace, 'secret'), 'ignored');
    await writeFile(join(workspace, 'forced'), 'staged all the same');
    await git(workspace, 'add', '-f', 'forced');
    await writeFile(join(workspace, '.git/info/exclude'), 'private\n');
    await writeFile(join(workspace, 'private'), 'ignored, too');
    const before = [await git(workspace, 'status', '--porcelain'), await readFile(join(workspace, '.git/index'))];
    await make('a', 'b');
    for (const copy of [beside('a'), beside('b')]) {
      expect((await readdir(copy.path)).filter((name) => !name.startsWith('odd')).toSorted()).toEqual(
        ['.git', '.gitignore', 'committed', 'forced', 'link', 'new'].toSorted(),
      );
      expect(await readFile(join(copy.path, 'committed'), 'utf8')).toBe('two\r\n');
      expect((await stat(join(copy.path, 'new/script'))).mode & 0o777).toBe(0o755);
      expect(await readlink(join(copy.path, 'link'))).toBe('/etc/passwd');
      expect(await readFile(Buffer.from(odd.toString('latin1').replace(workspace, copy.path), 'latin1'), 'utf8')).toBe(
        'odd',
      );
      expect(await git(copy.path, 'branch', '--show-current')).toBe(copy.branch);
      const status = await git(copy.path, 'status', '--porcelain');
      expect(status.split('\n')).toEqual(expect.arrayContaining([' M committed', ' D deleted', '?? link', '?? new/']));
    }
    expect([await git(workspace, 'status', '--porcelain'), await readFile(join(workspace, '.git/index'))]).toEqual(
      before,
    );
    expect(await git(workspace, 'branch', '--show-current')).toBe('main');
    expect((await readdir('/var/tmp')).filter((name) => name.startsWith('coi-fork-'))).toEqual([]);
  });

  it('are made of a worktree and of a detached head, too, and beyond a link no file is looked for', async () => {
    await git(workspace, 'checkout', '--quiet', '--detach');
    await mkdir(join(workspace, 'sub'));
    await writeFile(join(workspace, 'sub/file'), 'inside');
    await git(workspace, 'add', '-A');
    await git(workspace, 'commit', '--quiet', '-m', 'second');
    await make('a');
    workspace = beside('a').path;
    await rename(join(workspace, 'sub'), join(dir, 'outside'));
    await symlink(join(dir, 'outside'), join(workspace, 'sub'));
    const found = await repository();
    const wanted = [{ path: `${workspace}-c`, branch: 'c' }];
    await makeWorktrees(found, { wanted, commit: await requireFree(found, wanted), signal });
    expect(await readlink(join(`${workspace}-c`, 'sub'))).toBe(join(dir, 'outside'));
  });

  it('run nothing that the repository says: no hook, filter, monitor, pager, helper or included configuration', async () => {
    const ran = join(dir, 'ran');
    const planted = join(dir, 'planted');
    await writeFile(planted, `#!/bin/sh\necho "$0 $*" >>${ran}\ncat\n`);
    await chmod(planted, 0o755);
    await mkdir(join(workspace, '.git/hooks'), { recursive: true });
    const hooks = ['post-checkout', 'reference-transaction', 'post-index-change', 'pre-commit', 'post-commit'];
    for (const hook of [...hooks, 'fsmonitor-watchman'])
      await symlinkless(planted, join(workspace, '.git/hooks', hook));
    const filter = `[filter "evil"]\n clean = ${planted}\n smudge = ${planted}\n required = true\n`;
    const rest =
      `[core]\n fsmonitor = ${planted}\n hooksPath = ${join(workspace, '.git/hooks')}\n sshCommand = ${planted}\n` +
      ` pager = ${planted}\n editor = ${planted}\n askPass = ${planted}\n alternateRefsCommand = ${planted}\n` +
      ` gitProxy = ${planted}\n[diff]\n external = ${planted}\n[diff "evil"]\n textconv = ${planted}\n` +
      ` command = ${planted}\n[credential]\n helper = !${planted}\n[merge "evil"]\n driver = ${planted}\n` +
      `[extensions]\n partialClone = evil\n[remote "evil"]\n promisor = true\n url = ext::${planted}\n` +
      `[protocol "ext"]\n allow = always\n[gpg]\n program = ${planted}\n[commit]\n gpgSign = true\n`;
    await writeFile(join(workspace, '.git/evil'), filter);
    // Only in force where nobody has looked before.
    const included = `[includeIf "gitdir:**/worktrees/**"]\n path = evil\n[includeIf "onbranch:a"]\n path = evil\n`;
    const config = await readFile(join(workspace, '.git/config'), 'utf8');
    await writeFile(join(workspace, '.gitattributes'), '* filter=evil diff=evil merge=evil\n');
    await mkdir(join(workspace, '.git/info'), { recursive: true });
    await writeFile(join(workspace, '.git/info/attributes'), '* filter=evil\n');
    await writeFile(join(workspace, 'new'), 'as it is');
    // The filter works, or the test would see nothing.
    await writeFile(join(workspace, '.git/config'), config + filter);
    await execa('git', ['add', 'new'], { cwd: workspace, reject: false });
    expect(await readFile(ran, 'utf8')).toContain('planted');
    await rm(ran);
    await rm(join(workspace, '.git/index'));
    await writeFile(join(workspace, '.git/config'), `${config}${rest}${filter} process = ${planted}\n${included}`);
    await make('a');
    expect(await readFile(join(beside('a').path, 'new'), 'utf8')).toBe('as it is');
    await removeWorktrees(await repository(), {
      wanted: [beside('a')],
      commit: await git(workspace, 'rev-parse', 'HEAD'),
    });
    expect(await lstat(ran).catch(() => 'nothing ran')).toBe('nothing ran');
    expect(await lstat(beside('a').path).catch(() => 'removed')).toBe('removed');
  });

  it('leave a submodule alone, whose configuration is as hostile', async () => {
    const ran = join(dir, 'ran');
    const inner = join(workspace, 'inner');
    await mkdir(inner);
    await git(inner, 'init', '--quiet');
    await writeFile(join(inner, 'file'), 'x');
    await git(inner, 'add', '-A');
    await git(inner, 'commit', '--quiet', '-m', 'inner');
    await git(workspace, 'add', 'inner');
    await writeFile(
      join(workspace, '.gitmodules'),
      '[submodule "inner"]\n path = inner\n url = ./inner\n ignore = none\n',
    );
    await git(workspace, 'commit', '--quiet', '-am', 'second');
    await writeFile(join(inner, 'file'), 'changed');
    const program = join(dir, 'planted');
    await writeFile(program, `#!/bin/sh\necho ran >>${ran}\ncat\n`);
    await chmod(program, 0o755);
    const config = await readFile(join(inner, '.git/config'), 'utf8');
    await writeFile(
      join(inner, '.git/config'),
      `${config}[core]\n fsmonitor = ${program}\n[filter "e"]\n clean = ${program}\n`,
    );
    await writeFile(join(inner, '.gitattributes'), '* filter=e\n');
    await make('a');
    expect(await lstat(ran).catch(() => 'nothing ran')).toBe('nothing ran');
    expect(await readdir(join(beside('a').path, 'inner'))).toEqual([]);
  });

  it('are refused where a name is taken or nothing is committed, and none is left of those that failed', async () => {
    await make('a');
    const found = await repository();
    for (const names of [['a'], ['b', 'a']]) {
      await expect(requireFree(found, names.map(beside))).rejects.toMatchObject({ code: 'git.taken' });
    }
    await git(workspace, 'branch', 'c');
    await expect(requireFree(found, [beside('c')])).rejects.toMatchObject({ code: 'git.taken' });
    const wanted = [beside('d'), { path: join(dir, 'committed/no/directory\0'), branch: 'e' }];
    await writeFile(join(dir, 'in-the-way'), '');
    const blocked = [wanted[0]!, { path: join(dir, 'in-the-way/below'), branch: 'e' }];
    const commit = await requireFree(found, [beside('d')]);
    await expect(makeWorktrees(found, { wanted: blocked, commit, signal })).rejects.toMatchObject({
      code: 'git.failed',
    });
    expect(await lstat(beside('d').path).catch(() => 'removed')).toBe('removed');
    expect((await git(workspace, 'branch', '--format=%(refname:short)')).split('\n')).toEqual(['a', 'c', 'main']);

    await make('f');
    await git(beside('f').path, 'commit', '--quiet', '--allow-empty', '-m', 'somebody worked here');
    const made = [beside('a'), beside('f')];
    expect(await removeWorktrees(found, { wanted: made, commit })).toEqual([beside('f')]);
    expect((await git(workspace, 'branch', '--format=%(refname:short)')).split('\n')).toEqual(['c', 'f', 'main']);
    expect((await git(workspace, 'worktree', 'list')).split('\n')).toHaveLength(2);

    workspace = join(dir, 'empty');
    await mkdir(workspace);
    expect(await findRepository(workspace, signal)).toBeUndefined();
    await mkdir(join(workspace, '.git'));
    expect(await findRepository(workspace, signal)).toBeUndefined();
    await git(workspace, 'init', '--quiet');
    await expect(requireFree(await repository(), [beside('f')])).rejects.toMatchObject({
      code: 'git.no-commit',
    });
  });
});

it('what cannot be looked at is not taken for a workspace without a repository', async () => {
  const tooLong = join(workspace, 'x'.repeat(300));
  await expect(findRepository(tooLong, signal)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  expect(await worktreeLeft({ copy_of: 'coi-web', workspace: tooLong } as SandboxReport)).toContain('ENAMETOOLONG');
});

describe('a repository that leads elsewhere', () => {
  const plants: Readonly<Record<string, (other: string) => Promise<void>>> = {
    'by a .git file': async (other) => {
      await rm(join(workspace, '.git'), { recursive: true });
      await writeFile(join(workspace, '.git'), `gitdir: ${other}/.git\n`);
    },
    'by a .git file to a place in the workspace': async (other) => {
      await rm(join(workspace, '.git'), { recursive: true });
      const place = join(workspace, 'worktrees/a');
      await mkdir(place, { recursive: true });
      await writeFile(join(place, 'gitdir'), `${join(workspace, '.git')}\n`);
      await writeFile(join(place, 'commondir'), `${other}/.git\n`);
      await writeFile(join(place, 'HEAD'), 'ref: refs/heads/main\n');
      await writeFile(join(workspace, '.git'), `gitdir: ${place}\n`);
    },
    'by a link': async (other) => {
      await rm(join(workspace, '.git'), { recursive: true });
      await symlink(join(other, '.git'), join(workspace, '.git'));
    },
    'by a common directory': (other) => writeFile(join(workspace, '.git/commondir'), `${other}/.git\n`),
    'by a common directory that is a link': (other) =>
      symlink(join(other, '.git/commondir'), join(workspace, '.git/commondir')),
    'by alternates': (other) => writeFile(join(workspace, '.git/objects/info/alternates'), `${other}/.git/objects\n`),
    'by a link among its objects': async (other) => {
      await rm(join(workspace, '.git/objects/pack'), { recursive: true });
      await symlink(join(other, '.git/objects/pack'), join(workspace, '.git/objects/pack'));
    },
  };

  it.each(Object.keys(plants))('%s is refused', async (how) => {
    const other = join(dir, 'private');
    await mkdir(other);
    await git(other, 'init', '--quiet');
    await plants[how]!(other);
    await expect(findRepository(workspace, signal)).rejects.toMatchObject({ code: 'git.elsewhere' });
  });

  it('by core.worktree does not get what is there', async () => {
    await mkdir(join(dir, 'private'));
    await writeFile(join(dir, 'private/key'), 'secret');
    await git(workspace, 'config', 'core.worktree', join(dir, 'private'));
    await make('a');
    expect((await readdir(beside('a').path)).toSorted()).toEqual(['.git', '.gitignore', 'committed', 'deleted']);
  });
});

async function symlinkless(from: string, to: string): Promise<void> {
  await writeFile(to, await readFile(from));
  await chmod(to, 0o755);
}
