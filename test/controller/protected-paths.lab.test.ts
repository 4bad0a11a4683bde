import { chmod, chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController, type LabController } from '../lab/controller.ts';
import type { RunResult } from '../lab/inside.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';

let lab: Lab;
let controller: LabController;

beforeAll(async () => {
  lab = await openLab({ name: 'protect', images: ['system', 'busybox'] });
  controller = await startController(lab);
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** A repository of the user with number 1000, with what `make` adds. */
async function repository(name: string, make = ''): Promise<string> {
  const path = join(lab.dir, name);
  await mkdir(path);
  await chmod(path, 0o755);
  await chown(path, 1000, 1000);
  const script = `set -e; git init -q -b main; echo '#!/bin/sh' >.git/hooks/pre-commit; ${make || ':'}`;
  await lab.inside.output([...asOwner, 'sh', '-c', script], { cwd: path });
  return path;
}

/** A running sandbox on a workspace. */
async function sandbox(name: string, workspace: string, ...keys: readonly string[]): Promise<void> {
  await controller.declare(name, 'image = "system"', `workspace = "${workspace}"`, ...keys);
  await controller.ready(name, 'running');
}

/** Runs a script inside as root. */
function asRoot(name: string, script: string): Promise<RunResult> {
  return lab.run(['incus', 'exec', `coi-${name}`, '--', 'sh', '-c', script], { timeoutMs: 30_000 });
}

/** Everything that git on the host takes programs or configuration from, as it is on the host. */
async function hostView(path: string): Promise<string> {
  const script =
    'ls -Al .git/commondir .git/config.worktree .git/worktrees; ls -A .vscode .husky; cat .git/config; ls -A .git/hooks; cat .git/hooks/pre-commit; git config -l --local';
  return lab.inside.output([...asOwner, 'sh', '-c', script], { cwd: path });
}

/** Whose workspaces they are. */
const asOwner = ['setpriv', '--reuid=1000', '--regid=1000', '--clear-groups'];

/** Lines of perl that choose numbers of system calls: those of x86_64 and of aarch64. See syscalls(2). */
function numbers(calls: Readonly<Record<string, readonly [number, number]>>): string {
  const choose = Object.entries(calls).map(
    ([name, [x86, arm]]) => `my $${name} = $machine eq "aarch64" ? ${arm} : ${x86};`,
  );
  return `chomp(my $machine = qx(uname -m)); ${choose.join(' ')}`;
}

/**
 * Without a capability that a machine for tests may lack itself: Incus makes nodes and sets attributes with those of who asks,
 * and refuses where it has not got them all. See capset(2).
 */
const lesser = 'setpriv --bounding-set -sys_resource';

/** Puts each of two in the place of the other, in one step; the tools that do are too new. See renameat2(2). */
function exchange(one: string, other: string): string {
  return `perl -e '${numbers({ rename: [316, 276] })} my ($one, $other) = ("${one}", "${other}");
    syscall($rename, -100, $one, -100, $other, 2) == 0 ? print "exchanged\n" : print "refused: $!\n"'`;
}

describe('protected paths against root inside', () => {
  let workspace: string;
  let before: string;

  beforeAll(async () => {
    workspace = await repository('held', 'mkdir .vscode .husky; echo {} >.vscode/settings.json');
    await sandbox('held', workspace);
    before = await hostView(workspace);
  });

  const attacks: Readonly<Record<string, string>> = {
    'writing a hook': 'echo evil >.git/hooks/pre-commit',
    'a new hook': 'echo evil >.git/hooks/post-checkout',
    'writing the configuration': 'git config core.fsmonitor /tmp/x',
    'another file over the configuration': 'echo evil >x; mv -f x .git/config',
    'a configuration for worktrees': 'echo evil >.git/config.worktree',
    'another common directory': 'echo /workspace/evil >.git/commondir',
    'a common directory by another name': 'echo /workspace/evil >x; mv -f x .git/commondir',
    'taking the common directory away': 'rm -f .git/commondir',
    'a worktree that names another directory': 'mkdir .git/worktrees/x',
    'settings of an editor': 'echo evil >.vscode/tasks.json',
    'removing a directory': 'rm -rf .husky; mkdir .husky; echo evil >.husky/pre-commit',
    'renaming the repository': 'mv .git .g; mkdir .git',
    'renaming the hooks': 'mv .git/hooks .git/h; mkdir .git/hooks',
    'exchanging the hooks': `mkdir -p .git/h; ${exchange('.git/hooks', '.git/h')}`,
    'exchanging the configuration': `echo evil >.git/x; ${exchange('.git/config', '.git/x')}`,
    'exchanging the repository': `mkdir -p h; ${exchange('.git', 'h')}`,
    'a link in the place of a directory': 'rm -rf .vscode; ln -s /tmp .vscode',
    umount: 'umount .git/hooks',
    'lazy umount': 'umount -l .git/hooks',
    'umount in a namespace of its own': "unshare -m sh -c 'umount -l .git/hooks; echo evil >.git/hooks/pre-commit'",
    'umount in a user namespace': "unshare -Urm sh -c 'umount -l .git/hooks; echo evil >.git/hooks/pre-commit'",
    remount: 'mount -o remount,rw,bind .git/hooks; echo evil >.git/hooks/pre-commit',
    'remount in a namespace of its own':
      "unshare -m sh -c 'mount -o remount,bind,rw .git/config; echo evil >.git/config'",
    'moving the mount away': 'mkdir -p /tmp/m; mount --move .git/hooks /tmp/m; echo evil >.git/hooks/pre-commit',
    'a view without what is below': 'mkdir -p /tmp/b; mount --bind . /tmp/b; echo evil >/tmp/b/.git/hooks/pre-commit',
    'a view of the repository alone': 'mkdir -p /tmp/b; mount --bind .git /tmp/b; echo evil >/tmp/b/hooks/pre-commit',
    'a view with all that is below':
      'mkdir -p /tmp/r; mount --rbind . /tmp/r; umount -l /tmp/r/.git/hooks; echo evil >/tmp/r/.git/hooks/pre-commit',
    'an overlay over it':
      'mkdir -p /tmp/l /tmp/o w; mount -t overlay overlay -o lowerdir=/tmp/l,upperdir=/workspace,workdir=/workspace/w /tmp/o; echo evil >/tmp/o/.git/hooks/pre-commit',
    'a hard link': 'ln .git/config x && echo evil >x',
    'leaving the workspace with a hand in it':
      'cd /workspace; umount -l /workspace; echo evil >.git/hooks/pre-commit; echo evil >.git/config',
    'umount in a user namespace of a user namespace':
      "unshare -Urm unshare -Urm sh -c 'umount -l .git/hooks; umount -l /workspace/.git; echo evil >.git/hooks/pre-commit'",
    'umount with processes and a proc of its own':
      "unshare -Urmpf --mount-proc sh -c 'umount -l .git/hooks; echo evil >.git/hooks/pre-commit'",
    'a root of its own':
      "mkdir -p /tmp/r; unshare -Urm sh -c 'mount --rbind / /tmp/r; cd /tmp/r; mkdir -p old; pivot_root . old; umount -l /workspace/.git/hooks; echo evil >/workspace/.git/hooks/pre-commit'",
    'the proc that containers inside have': 'echo evil >/dev/.lxc/proc/1/root/workspace/.git/hooks/pre-commit',
    'an overlay that writes to the hooks':
      'mkdir -p /tmp/l /tmp/o .git/w; mount -t overlay overlay -o lowerdir=/tmp/l,upperdir=.git/hooks,workdir=.git/w /tmp/o; echo evil >/tmp/o/pre-commit',
    'an overlay over the hooks':
      'mkdir -p /tmp/u /tmp/w; mount -t overlay overlay -o lowerdir=.git/hooks,upperdir=/tmp/u,workdir=/tmp/w .git/hooks; echo evil >.git/hooks/pre-commit',
    'an overlay in a user namespace':
      "mkdir -p /tmp/l /tmp/o w; unshare -Urm sh -c 'mount -t overlay overlay -o lowerdir=/tmp/l,upperdir=/workspace,workdir=/workspace/w,userxattr /tmp/o; echo evil >/tmp/o/.git/hooks/pre-commit'",
    'a node in the place of a hook': `${lesser} mknod .git/hooks/post-checkout c 1 3; ${lesser} mknod .git/commondir c 0 0; ${lesser} mknod w c 1 3 && rm w`,
    'an attribute that hides what is below': `${lesser} perl -e '${numbers({ set: [188, 5] })}
      for my $path (".git/hooks", ".git/config", ".vscode") {
        print "opened\n" if syscall($set, $path, "trusted.overlay.opaque", "y", 1, 0) == 0;
      }'`,
    'the flags of the mount': `perl -e '${numbers({ flags: [442, 442] })}
      for my $path (".git/hooks", ".git/config", ".vscode") {
        print "opened\n" if syscall($flags, -100, $path, 0, pack("QQQQ", 0, 1, 0, 0), 32) == 0;
      }'`,
    'a number in place of a name': `perl -e '
      use Fcntl; my $h = pack("ii", 128, 0) . ("\\0" x 128); my $m = pack("i", 0);
      ${numbers({ to: [303, 264], open: [304, 265] })}
      my $path = ".git/config"; syscall($to, -100, $path, $h, $m, 0) == 0 or die "name_to_handle: $!\\n";
      for my $d ("/workspace", "/workspace/.git") {
        open(my $f, "<", $d) or die; my $fd = syscall($open, fileno($f), $h, O_WRONLY | O_TRUNC);
        if ($fd >= 0) { open(my $o, ">&=", $fd); print $o "evil"; close $o; print "opened\\n"; }
      }'`,
  };

  it.each(Object.entries(attacks))('hold against %s', async (_, script) => {
    // Each in a mount namespace of its own, so that what one leaves behind changes nothing about the next.
    const all = `cd /workspace; ${script}`;
    const { stdout } = await asRoot(
      'held',
      `unshare -m --propagation private sh -c "$(cat <<'END'\n${all}\nEND\n)" 2>&1`,
    );
    expect(stdout).not.toContain('opened');
    // Otherwise nothing was tried.
    expect(stdout).not.toMatch(/not found|unrecognized option|invalid option|name_to_handle|[sS]yntax error/);
    // What says how it ended was refused.
    expect(stdout).toMatch(script.includes('exchanged') ? /refused: Device or resource busy/ : /^/);
    expect(await hostView(workspace)).toBe(before);
    expect(await controller.sandbox('held')).toMatchObject({ ready: true, state: 'running' });
  });

  it('are read-only and readable', async () => {
    const script = 'cd /workspace; cat .git/config .git/hooks/pre-commit .vscode/settings.json; ls -A .husky; id -u';
    expect(await asRoot('held', script)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('[core]') });
    const { stdout } = await asRoot('held', 'grep " /workspace/" /proc/1/mountinfo');
    for (const path of ['.git/config', '.git/hooks', '.husky', '.vscode']) {
      expect(stdout).toMatch(new RegExp(` /workspace/${path.replaceAll('.', '\\.')} ro,`));
    }
  });

  it('leave the rest of the repository to git', async () => {
    const commit =
      'cd /workspace; git config --global --add safe.directory /workspace; echo a >a; git add a; git -c user.name=a -c user.email=a@b commit -qnm one; git checkout -qb other; git log --oneline --all';
    expect(await asRoot('held', commit)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('one') });
    expect(await lab.inside.output([...asOwner, 'git', 'log', '--oneline'], { cwd: workspace })).toContain('one');
  });

  it('are as writable as ever on the host, but for being replaced', async () => {
    await writeFile(join(workspace, '.git/hooks/post-merge'), 'mine');
    expect((await asRoot('held', 'cat /workspace/.git/hooks/post-merge')).stdout).toBe('mine');
    const config = await lab.run([...asOwner, 'git', 'config', 'a.b', 'c'], { cwd: workspace });
    expect(config.stderr).toContain('Device or resource busy');
  });
});

/** Leaves the workspace behind in a mount namespace of its own, a hand still in it: there nothing is mounted on it. */
const slipOut = (script: string) =>
  `exec 9</workspace; unshare -m sh -c 'umount -l /workspace; cd /proc/self/fd/9; ${script}'`;

describe('what the kernel lets root inside do', () => {
  it('is noticed: a sandbox that puts something else in the place of a path is held still', async () => {
    const workspace = await repository('slipped', 'mkdir .vscode');
    await sandbox('slipped', workspace);
    await asRoot('slipped', slipOut('mv .vscode .v && mkdir .vscode && echo evil >.vscode/tasks.json'));
    const report = await controller.condition('slipped', 'Quarantined');
    expect(report.conditions.find(({ type }) => type === 'Quarantined')?.message).toContain('.vscode');
    await controller.when('slipped', ({ state }) => state === 'frozen');

    // Whoever looked and put it right lets it go: it starts again on a new tree, and is held to that.
    await rm(join(workspace, '.vscode'), { recursive: true });
    await rename(join(workspace, '.v'), join(workspace, '.vscode'));
    await controller.coi('resume', 'slipped');
    await controller.ready('slipped', 'running');
    expect((await asRoot('slipped', 'echo x >/workspace/.vscode/x')).stderr).toContain('Read-only');
  });

  it('is noticed for the repository as a whole, too', async () => {
    const workspace = await repository('whole');
    await sandbox('whole', workspace);
    await asRoot('whole', slipOut('mv .git .g && mkdir .git'));
    const { conditions } = await controller.condition('whole', 'Quarantined');
    expect(conditions.find(({ type }) => type === 'Quarantined')?.message).toContain('.git');
    await controller.when('whole', ({ state }) => state === 'frozen');
  });
});

describe('drift of what covers protected paths', () => {
  it('is put right: a device taken away and given back by hand is not covered, so it starts again', async () => {
    const workspace = await repository('plugged', 'mkdir .vscode');
    await sandbox('plugged', workspace);
    const { devices } = await controller.instance('coi-plugged');
    const words = Object.entries(devices['workspace'] ?? {}).flatMap(([key, value]) =>
      key === 'type' ? [] : [`${key}=${value}`],
    );
    await controller.stop();
    await lab.incus('config', 'device', 'remove', 'coi-plugged', 'workspace');
    await lab.incus('config', 'device', 'add', 'coi-plugged', 'workspace', 'disk', ...words);
    expect(await asRoot('plugged', 'echo x >/workspace/.vscode/x')).toMatchObject({ exitCode: 0 });
    await controller.start();
    await controller.condition('plugged', 'Quarantined');
    await rm(join(workspace, '.vscode/x'));
    await controller.coi('resume', 'plugged');
    await controller.ready('plugged', 'running');
    expect((await asRoot('plugged', 'echo x >/workspace/.vscode/x')).stderr).toContain('Read-only');
  });

  it('is put right: with its device gone it starts again', async () => {
    const workspace = await repository('bare', 'mkdir .vscode');
    await sandbox('bare', workspace);
    await lab.incus('config', 'device', 'remove', 'coi-bare', 'workspace');
    await until(
      'it to be covered again',
      async () => {
        const { stderr } = await asRoot('bare', 'ls /workspace/.git >/dev/null && echo x >/workspace/.vscode/x');
        return stderr.includes('Read-only') || undefined;
      },
      { timeoutMs: 60_000 },
    );
    await controller.ready('bare', 'running');
    expect(await readdir(join(workspace, '.vscode'))).toEqual([]);
  });

  it('is put right: started by hand it has no workspace, and starts again', async () => {
    const workspace = await repository('byhand', 'mkdir .vscode');
    await sandbox('byhand', workspace, 'state = "running"');
    await controller.stop();
    await lab.incus('stop', '--force', 'coi-byhand');
    await lab.run(['sh', '-c', `umount -l ${lab.stateDir}/workspaces/*/tree`]);
    await lab.incus('start', 'coi-byhand');
    expect((await asRoot('byhand', 'ls -A /workspace')).stdout).toBe('');
    await controller.start();
    await controller.ready('byhand', 'running');
    await until(
      'it to be covered',
      async () => {
        const { stderr } = await asRoot('byhand', 'ls /workspace/.git >/dev/null && echo x >/workspace/.vscode/x');
        return stderr.includes('Read-only') || undefined;
      },
      { timeoutMs: 60_000 },
    );
  });

  it('goes with a stop: nothing is mounted, nothing that was made stays', async () => {
    const workspace = await repository('ended', 'echo mine >.git/commondir; rm .git/commondir');
    await sandbox('ended', workspace);
    expect(await readdir(workspace)).toEqual(['.git', '.husky', '.vscode']);
    await controller.declare('ended', 'image = "system"', `workspace = "${workspace}"`, 'state = "stopped"');
    await controller.ready('ended', 'stopped');
    expect((await lab.inside.output(['cat', '/proc/self/mountinfo'])).includes(workspace)).toBe(false);
    expect(await readdir(workspace)).toEqual(['.git']);
    expect((await readdir(join(workspace, '.git'))).includes('commondir')).toBe(false);
    await controller.remove('ended.toml');
    await controller.gone('ended');
  });

  it('outlives the controller: the next one knows what it finds', async () => {
    const workspace = await repository('outlived', 'mkdir .vscode');
    await sandbox('outlived', workspace);
    await controller.restart('SIGKILL');
    await controller.ready('outlived', 'running');
    await asRoot('outlived', slipOut('mv .vscode .v && mkdir .vscode'));
    const { conditions } = await controller.condition('outlived', 'Quarantined');
    expect(conditions.find(({ type }) => type === 'Quarantined')?.message).toContain('.vscode');
  });
});

describe('a workspace that fights back', () => {
  it('mounts nothing foreign for a link, and protects the rest', async () => {
    await mkdir(join(lab.dir, 'secret'));
    await writeFile(join(lab.dir, 'secret/key'), 'of the host');
    const workspace = await repository('linked', `ln -s ${lab.dir}/secret .vscode; mkdir .husky`);
    await sandbox('linked', workspace);
    const { conditions } = await controller.condition('linked', 'Protected=False(PathUnusable)');
    expect(conditions.find(({ type }) => type === 'Protected')?.message).toContain('.vscode: it is a symbolic link');
    expect((await asRoot('linked', 'cat /workspace/.vscode/key')).exitCode).not.toBe(0);
    expect((await asRoot('linked', 'echo x >/workspace/.husky/x')).stderr).toContain('Read-only');
    expect((await asRoot('linked', 'echo x >/workspace/.git/hooks/x')).stderr).toContain('Read-only');
  });

  it('has a repository that is a link', async () => {
    const workspace = await repository('linkedgit', 'mv .git real; ln -s real .git; mkdir .vscode');
    await sandbox('linkedgit', workspace);
    await controller.condition('linkedgit', 'Protected=False(PathUnusable)');
    expect((await asRoot('linkedgit', 'echo x >/workspace/.vscode/x')).stderr).toContain('Read-only');
  });

  it('has a file with another name', async () => {
    const workspace = await repository('hardlink', 'ln .git/config other');
    await sandbox('hardlink', workspace);
    const { conditions } = await controller.condition('hardlink', 'Protected=False(PathUnusable)');
    expect(conditions.find(({ type }) => type === 'Protected')?.message).toContain(
      '.git/config: a file in it has another name',
    );
  });

  it('swaps a link in between two starts', async () => {
    const workspace = await repository('swapped', 'mkdir .vscode');
    await sandbox('swapped', workspace, 'policy = { deletion = "delete", drift = "enforce", allow = "restart" }');
    await controller.stop();
    await lab.incus('stop', '--force', 'coi-swapped');
    await lab.run(['sh', '-c', `umount -l ${lab.stateDir}/workspaces/*/tree; rm -rf .vscode; ln -s /etc .vscode`], {
      cwd: workspace,
    });
    await controller.start();
    await controller.condition('swapped', 'Protected=False(PathUnusable)');
    const mounts = await asRoot('swapped', 'cat /proc/self/mountinfo');
    expect(mounts.stdout).not.toMatch(/ \/etc \/workspace/);
  });

  it('is a worktree of a repository elsewhere', async () => {
    await mkdir(join(lab.dir, 'trees'));
    await chown(join(lab.dir, 'trees'), 1000, 1000);
    await repository(
      'main',
      'git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one; git worktree add -q ../trees/one',
    );
    const workspace = join(lab.dir, 'trees/one');
    await sandbox('tree', workspace);
    expect((await asRoot('tree', 'rm -f /workspace/.git; mkdir /workspace/.git')).stderr).toMatch(/busy|Read-only/);
    expect(await lab.inside.output([...asOwner, 'git', 'status', '--short'], { cwd: workspace })).toBe('');
  });

  it('has a submodule', async () => {
    await repository('library', 'git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one');
    const add = `git -c protocol.file.allow=always submodule --quiet add ${lab.dir}/library deep/library`;
    const workspace = await repository('super', `${add} >/dev/null`);
    await sandbox('super', workspace);
    const module = '/workspace/.git/modules/deep/library';
    for (const script of [
      `echo evil >${module}/hooks/post-checkout`,
      `git config -f ${module}/config core.fsmonitor /tmp/x`,
      `echo /tmp >${module}/commondir`,
      `mv ${module} ${module}2`,
      'rm -f /workspace/deep/library/.git',
      'mv /workspace/deep /workspace/shallow',
    ]) {
      expect((await asRoot('super', script)).stderr).toMatch(/busy|Read-only/i);
    }
    const inside = `cd /workspace/deep/library; git config --global --add safe.directory '*'; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m two`;
    expect(await asRoot('super', inside)).toMatchObject({ exitCode: 0 });
  });

  it('has no repository yet: none can be made inside', async () => {
    const workspace = join(lab.dir, 'empty');
    await mkdir(workspace);
    await lab.run(['chown', '1000:1000', workspace]);
    await sandbox('empty', workspace);
    expect((await asRoot('empty', 'cd /workspace; git init')).exitCode).not.toBe(0);
    expect((await asRoot('empty', 'mkdir /workspace/.vscode/x')).stderr).toContain('Read-only');
    expect(await lab.inside.output([...asOwner, 'git', 'init', '-q'], { cwd: workspace })).toBe('');
  });

  it('protects what it is told to, or nothing', async () => {
    const workspace = await repository('own', 'mkdir .vscode; echo a >.envrc');
    await sandbox(
      'own',
      workspace,
      'security = { protected_paths = [".envrc"], additional_protected_paths = ["scripts/ci/"] }',
    );
    expect((await asRoot('own', 'echo x >/workspace/.vscode/x')).exitCode).toBe(0);
    expect((await asRoot('own', 'echo x >/workspace/.envrc')).stderr).toContain('Read-only');
    expect((await asRoot('own', 'mkdir /workspace/scripts/ci')).stderr).toMatch(/Read-only|exists/);
    const free = await repository('free');
    await sandbox('free', free, 'git = { writable_hooks = true }');
    expect((await asRoot('free', 'echo x >/workspace/.git/hooks/x')).exitCode).toBe(0);
  });
});

describe('a workspace whose directories are gone', () => {
  it('keeps no sandbox from being deleted', async () => {
    const names = ['lost', 'naked', 'treeless'];
    const paths = await Promise.all(names.map((name) => repository(name)));
    const keys: Readonly<Record<string, string[]>> = { naked: ['security = { protected_paths = [] }'] };
    for (const [index, name] of names.entries()) await sandbox(name, paths[index]!, ...(keys[name] ?? []));
    for (const [index, name] of names.entries()) {
      const stopped = ['state = "stopped"', 'image = "system"', `workspace = "${paths[index]}"`, ...(keys[name] ?? [])];
      await controller.declare(name, ...stopped);
    }
    for (const name of names) await controller.ready(name, 'stopped');
    const { uid = '' } = (await controller.sandbox('treeless')) ?? {};
    await Promise.all(paths.slice(0, 2).map((path) => rm(path, { recursive: true })));
    await rm(join(lab.stateDir, 'workspaces', uid), { recursive: true });
    for (const name of names) await controller.remove(`${name}.toml`);
    for (const name of names) await controller.gone(name);
    const left = await controller.instances();
    expect(names.filter((name) => left.has(`coi-${name}`))).toEqual([]);
  });
});
