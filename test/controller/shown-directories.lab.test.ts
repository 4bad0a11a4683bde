import { chown, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController, type LabController } from '../lab/controller.ts';
import type { RunResult } from '../lab/inside.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';

let lab: Lab;
let controller: LabController;

beforeAll(async () => {
  lab = await openLab({ name: 'shown', images: ['system', 'busybox'] });
  controller = await startController(lab);
  await mkdir(join(lab.dir, 'secret'));
  await writeFile(join(lab.dir, 'secret/key'), 'of the host');
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** A directory of the user with number 1000. */
async function directory(path: string): Promise<string> {
  const whole = join(lab.dir, path);
  await mkdir(whole);
  await chown(whole, 1000, 1000);
  return whole;
}

function asRoot(name: string, script: string): Promise<RunResult> {
  return lab.run(['incus', 'exec', `coi-${name}`, '--', 'sh', '-c', script], { timeoutMs: 30_000 });
}

/** What reboot(8) does in the end; the image need not have it. See reboot(2). */
const reboot = `perl -e '
  my %numbers = (x86_64 => 169, aarch64 => 142); chomp(my $machine = \`uname -m\`);
  syscall($numbers{$machine}, 0xfee1dead, 672274793, 0x1234567, 0)'`;

/** Starts the system inside anew from within, and tells what is there then. Without the controller: it could stop that. */
async function seenAfterReboot(name: string, path: string): Promise<string> {
  await controller.stop();
  await asRoot(name, `touch /dev/shm/before; ${reboot}`);
  const look = async () => (await asRoot(name, `test ! -e /dev/shm/before && ls ${path}`)).stdout || undefined;
  const seen = await until('something to be there', look, { timeoutMs: 60_000, everyMs: 200 });
  await controller.start();
  return seen;
}

const unprotected = 'security = { disable_protection = true }';

describe('a directory of the host, shown inside', () => {
  it('stays the one that it was when root inside puts a link in its place and starts anew', async () => {
    const workspace = await directory('within');
    const data = await directory('within/data');
    await writeFile(join(data, 'mine'), 'mine');
    const mounts = `mounts = { "/data" = { host = "${data}" } }`;
    await controller.declare('within', 'image = "system"', `workspace = "${workspace}"`, mounts, unprotected);
    await controller.ready('within', 'running');
    expect((await asRoot('within', 'cat /data/mine')).stdout).toBe('mine');
    await asRoot('within', `cd /workspace && mv data old && ln -s ${lab.dir}/secret data`);
    expect(await seenAfterReboot('within', '/data')).toBe('mine');
  });
  it('is never one that is reached by a link, though it is swapped by somebody else', async () => {
    const workspace = await directory('swapped');
    await writeFile(join(workspace, 'mine'), 'mine');
    await controller.declare('swapped', 'image = "system"', `workspace = "${workspace}"`, unprotected);
    await controller.ready('swapped', 'running');
    await rename(workspace, `${workspace}-old`);
    await symlink(join(lab.dir, 'secret'), workspace);
    expect(await seenAfterReboot('swapped', '/workspace')).toBe('mine');
    await rm(workspace);
    await rename(`${workspace}-old`, workspace);
  });

  it('comes and goes with its manifest while the sandbox runs, and goes with a stop', async () => {
    const [workspace, data, other] = [await directory('plugged'), await directory('data'), await directory('other')];
    await writeFile(join(data, 'mine'), 'mine');
    await writeFile(join(other, 'else'), 'else');
    const declare = (...keys: readonly string[]) =>
      controller.declare('plugged', 'image = "system"', `workspace = "${workspace}"`, unprotected, ...keys);
    const seen = async (script: string) => (await asRoot('plugged', script)).stdout;
    await declare();
    const { uid = '' } = await controller.ready('plugged', 'running');
    await asRoot('plugged', 'touch /dev/shm/before');
    await declare(`mounts = { "/data" = { host = "${data}" } }`);
    await until('it to be there', async () => (await seen('cat /data/mine')) === 'mine');
    await declare(`mounts = { "/data" = { host = "${other}", readonly = true } }`);
    await until('another to be there', async () => (await seen('cat /data/else')) === 'else');
    expect((await asRoot('plugged', 'touch /data/x')).stderr).toContain('Read-only');
    await controller.ready('plugged', 'running');
    const own = join(lab.stateDir, 'workspaces', uid);
    const mounted = async () => (await lab.inside.output(['cat', '/proc/self/mountinfo'])).split(`${own}/`).length - 1;
    await until('the first to be gone', async () => (await mounted()) === 2);
    expect(await seen('ls /dev/shm/before')).toBe('/dev/shm/before');
    for (const path of [own, join(lab.stateDir, 'workspaces')]) expect((await stat(path)).mode & 0o777).toBe(0o700);

    await declare('state = "stopped"');
    await controller.ready('plugged', 'stopped');
    expect(await mounted()).toBe(0);
    await controller.remove('plugged.toml');
    await controller.gone('plugged');
    await expect(stat(own)).rejects.toThrow('ENOENT');
  });

  it('is shown again by a new start where somebody took its mount away', async () => {
    const workspace = await directory('taken');
    await writeFile(join(workspace, 'mine'), 'mine');
    await controller.declare('taken', 'image = "system"', `workspace = "${workspace}"`, unprotected);
    await controller.ready('taken', 'running');
    await asRoot('taken', 'touch /dev/shm/before');
    await lab.run(['sh', '-c', `umount -l ${lab.stateDir}/workspaces/*/shown-*`]);
    const look = async () => (await asRoot('taken', 'test ! -e /dev/shm/before && ls /workspace')).stdout || undefined;
    expect(await until('it to be back', look, { timeoutMs: 60_000, everyMs: 200 })).toBe('mine');
    await controller.ready('taken', 'running');
  });
});

describe('the user inside', () => {
  it('gets another number without what is mounted in its home', async () => {
    const workspace = await directory('owned');
    const [team, fixed] = [await directory('team'), await directory('fixed')];
    await writeFile(join(team, 'file'), '');
    await writeFile(join(fixed, 'file'), '');
    const mounts = [
      `"/home/code/a b[c]" = { host = "${team}" }`,
      `"/home/code/fixed" = { host = "${fixed}", readonly = true }`,
    ];
    await controller.declare(
      'owned',
      'image = "system"',
      `workspace = "${workspace}"`,
      `mounts = { ${mounts.join(', ')} }`,
      'incus = { code_uid = 1001 }',
    );
    await controller.ready('owned', 'running');
    const { stdout } = await asRoot('owned', 'id -u code; stat -c %u /home/code /home/code/.bashrc');
    expect(stdout.split('\n')).toEqual(['1001', '1001', '1001']);
    for (const path of [team, fixed]) expect(await stat(path)).toMatchObject({ uid: 1000 });
    for (const path of [team, fixed]) expect(await stat(join(path, 'file'))).toMatchObject({ uid: 0 });
  });

  it('is made where there is none, also with the usual number', async () => {
    await controller.declare('nobody');
    await controller.ready('nobody', 'running');
    await asRoot('nobody', 'sed -i "/^code:/d" /etc/passwd /etc/group; rm -rf /home/code');
    expect((await asRoot('nobody', 'id -u code')).exitCode).not.toBe(0);
    await controller.declare('nobody', 'state = "stopped"');
    await controller.ready('nobody', 'stopped');
    await controller.declare('nobody');
    await controller.ready('nobody', 'running');
    expect((await asRoot('nobody', 'id -u code; cd ~code && pwd')).stdout).toBe('1000\n/home/code');
  });
});
