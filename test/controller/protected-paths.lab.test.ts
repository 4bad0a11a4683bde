import { chmod, lstat, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
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
  const script = `set -e; git init -q -b main; echo '#!/bin/sh' >.git/hooks/pre-commit; ${make}; chown -R 1000:1000 .`;
  await lab.inside.output(['sh', '-c', script], { cwd: path });
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
  const script = 'ls -A .vscode .husky; cat .git/config; ls -A .git/hooks; cat .git/hooks/pre-commit; git config -l --local';
  return lab.inside.output(['sh', '-c', script], { cwd: path });
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
    'exchanging the hooks': 'mkdir -p h; exch .git/hooks h || mv -T --exchange .git/hooks h',
    'a link in the place of a directory': 'rm -rf .vscode; ln -s /tmp .vscode',
    umount: 'umount .git/hooks',
    'lazy umount': 'umount -l .git/hooks',
    'umount in a namespace of its own': "unshare -m sh -c 'umount -l .git/hooks; echo evil >.git/hooks/pre-commit'",
    'umount in a user namespace': "unshare -Urm sh -c 'umount -l .git/hooks; echo evil >.git/hooks/pre-commit'",
    remount: 'mount -o remount,rw,bind .git/hooks; echo evil >.git/hooks/pre-commit',
    'remount in a namespace of its own': "unshare -m sh -c 'mount -o remount,bind,rw .git/config; echo evil >.git/config'",
    'moving the mount away': 'mkdir -p /tmp/m; mount --move .git/hooks /tmp/m; echo evil >.git/hooks/pre-commit',
    'a view without what is below': 'mkdir -p /tmp/b; mount --bind . /tmp/b; echo evil >/tmp/b/.git/hooks/pre-commit',
    'a view of the repository alone': 'mkdir -p /tmp/b; mount --bind .git /tmp/b; echo evil >/tmp/b/hooks/pre-commit',
    'a view with all that is below': 'mkdir -p /tmp/r; mount --rbind . /tmp/r; umount -l /tmp/r/.git/hooks; echo evil >/tmp/r/.git/hooks/pre-commit',
    'an overlay over it':
      'mkdir -p /tmp/l /tmp/o w; mount -t overlay overlay -o lowerdir=/tmp/l,upperdir=/workspace,workdir=/workspace/w /tmp/o; echo evil >/tmp/o/.git/hooks/pre-commit',
    'a hard link': 'ln .git/config x && echo evil >x',
    'leaving the workspace with a hand in it': "cd /workspace; umount -l /workspace; echo evil >.git/hooks/pre-commit; echo evil >.git/config",
    'a number in place of a name': `perl -e '
      use Fcntl; my $h = pack("ii", 128, 0) . ("\\0" x 128); my $m = pack("i", 0);
      syscall(303, -100, ".git/config", $h, $m, 0) == 0 or die "name_to_handle: $!\\n";
      for my $d ("/workspace", "/workspace/.git") {
        open(my $f, "<", $d) or die; my $fd = syscall(304, fileno($f), $h, O_WRONLY | O_TRUNC);
        if ($fd >= 0) { open(my $o, ">&=", $fd); print $o "evil"; close $o; print "opened\\n"; }
      }'`,
  };

  it.each(Object.entries(attacks))('hold against %s', async (_, script) => {
    // Each in a mount namespace of its own, so that what one leaves behind changes nothing about the next.
    const all = `cd /workspace; ${script}`;
    const { stdout } = await asRoot('held', `unshare -m --propagation private sh -c "$(cat <<'END'\n${all}\nEND\n)" 2>&1`);
    expect(stdout).not.toContain('opened');
    expect(await hostView(workspace)).toBe(before);
    expect(await controller.sandbox('held')).toMatchObject({ ready: true, state: 'running' });
  });

  it('leave the rest of the repository to git', async () => {
    const commit =
      'cd /workspace; git config --global --add safe.directory /workspace; echo a >a; git add a; git -c user.name=a -c user.email=a@b commit -qnm one; git checkout -qb other; git log --oneline --all';
    expect(await asRoot('held', commit)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('one') });
    expect(await lab.inside.output(['git', '-c', `safe.directory=${workspace}`, 'log', '--oneline'], { cwd: workspace })).toContain('one');
  });

  it('are as writable as ever on the host, but for being replaced', async () => {
    await writeFile(join(workspace, '.git/hooks/post-merge'), 'mine');
    expect((await asRoot('held', 'cat /workspace/.git/hooks/post-merge')).stdout).toBe('mine');
    const config = await lab.run(['git', 'config', 'a.b', 'c'], { cwd: workspace });
    expect(config.stderr).toContain('Device or resource busy');
  });
});
