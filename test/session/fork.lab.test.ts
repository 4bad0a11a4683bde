import { chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ForkReport } from '../../src/controller/fork-api.ts';
import { startController, type Instance } from '../lab/controller.ts';
import { openLab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { devId, homeIn, openDesk, type Desk } from './desk.ts';

let desk: Desk;
let projects: string;
let here: string;
let name: string;
let count = 0;

beforeAll(async () => {
  desk = await openDesk('fork', ['busybox', 'system']);
  projects = await desk.workspace('projects');
  await chown(projects, devId, devId);
});
afterAll(() => desk?.[Symbol.asyncDispose]());
afterEach(async () => {
  await desk.coi('/', ['kill', '--all', '--force']);
});

/** Commands of the user without rights. */
const as = { SUDO_UID: String(devId), SUDO_USER: 'dev', COI_USE_DUMMY: '1' };
const coi = (...args: string[]) => desk.coi(here, args, { env: as });

async function forked(...args: string[]): Promise<ForkReport> {
  const { stdout, stderr, exitCode } = await coi('fork', ...args, '--format', 'json');
  expect({ stderr, exitCode }).toMatchObject({ exitCode: 0 });
  return JSON.parse(stdout) as ForkReport;
}

async function project(): Promise<void> {
  count += 1;
  here = join(projects, `shop-${count}`);
  await mkdir(here);
  await chown(here, devId, devId);
  name = desk.instance(here);
}

async function git(cwd: string, ...args: string[]): Promise<string> {
  const who = ['-c', 'user.name=T', '-c', 'user.email=t@example.org'];
  const own = { uid: devId, gid: devId, env: { HOME: homeIn(desk.lab, 'dev') } };
  return (await execa('git', [...who, ...args], { cwd, ...own })).stdout;
}

/** A project with one commit, and one file that is not committed. */
async function repository(): Promise<void> {
  await project();
  await git(here, 'init', '--quiet', '-b', 'main');
  await git(here, 'commit', '--quiet', '--allow-empty', '-m', 'first');
  await writeFile(join(here, 'uncommitted'), 'work');
  await chown(join(here, 'uncommitted'), devId, devId);
}

async function session(...args: string[]): Promise<string> {
  const started = await coi('shell', '--background', '--image', 'system', ...args);
  if (started.exitCode !== 0) throw new Error(started.stderr);
  return /(?:Starting|Resuming) session (\S+)/.exec(started.stderr)?.[1] ?? '';
}

/** Incus begins nothing in a container whose system is still starting, and says so. */
async function execIn(instance: string, ...argv: string[]): Promise<string> {
  const begun = async () => {
    const ended = await desk.lab.run(['incus', 'exec', instance, '--', ...argv]);
    return ended.stderr.includes('Failed to retrieve PID') ? undefined : ended;
  };
  const { stdout, stderr, exitCode } = await until('a program to begin', begun, { timeoutMs: 60_000 });
  expect({ stderr, exitCode }).toMatchObject({ exitCode: 0 });
  return stdout;
}

const asRoot = (instance: string, line: string) => execIn(instance, 'sh', '-c', line);
const inside = (line: string, instance = name) => execIn(instance, 'su', '--login', 'code', '--command', line);

async function agentOf(instance: string): Promise<{ pid: string; words: string[] }> {
  const find = async () => (await inside('pgrep -x dummy || true', instance)).trim() || undefined;
  const pid = await until('an agent', find, { timeoutMs: 60_000 });
  const words = await inside(`tr '\\0' '\\n' </proc/${pid}/cmdline`, instance);
  return { pid, words: words.trim().split('\n') };
}

async function snapshots(instance: string): Promise<string[]> {
  return JSON.parse(await desk.lab.incus('query', `/1.0/instances/${instance}/snapshots`)) as string[];
}

/** Waits until these are all that there are: nobody waits for the end of the one that copies are made of. */
async function snapshotsAre(instance: string, ...names: string[]): Promise<void> {
  const expected = names.map((each) => `/1.0/instances/${instance}/snapshots/${each}`);
  await until('its own snapshots', async () => isDeepStrictEqual(await snapshots(instance), expected), {
    timeoutMs: 30_000,
  });
}

/** Everything by which one could be told from others. */
function marks({ config, devices }: Instance): string[] {
  const { hwaddr, host_name: port, 'ipv4.address': ipv4 } = devices['eth0'] ?? {};
  return [config['user.coi.uid'], hwaddr, port, ipv4].map((each) => each ?? 'none');
}

const talk = '00000000-0000-4000-8000-000000000000';
const saved = (id: string) => join(homeIn(desk.lab, 'dev'), '.coi/sessions-claude', id);

describe('a fork of a session', () => {
  it('is independent: worktree, branch, addresses, rules, identity and session are its own, and it goes on where that was', async () => {
    await repository();
    const id = await session();
    await inside(`mkdir -p .claude/projects/-workspace; echo talk >.claude/projects/-workspace/${talk}.jsonl`);
    await asRoot(name, 'echo here >/root/mark; mkdir -p /etc/ssh; echo key >/etc/ssh/ssh_host_test_key');
    const original = await desk.controller.instance(name);
    const { pid } = await agentOf(name);
    const before = await git(here, 'status', '--porcelain');

    const { copies } = await forked(name, 'try', '-n', '2');
    expect(copies).toMatchObject(
      [1, 2].map((number) => ({
        instance: desk.instance(`${here}-try-${number}`),
        slot: 1,
        state: 'running',
        workspace: `${here}-try-${number}`,
        branch: `try-${number}`,
      })),
    );
    const found = await Promise.all(copies.map(({ instance }) => desk.controller.instance(instance)));
    const all = [original, ...found].flatMap(marks);
    expect(new Set(all).size).toBe(12);
    for (const each of found) {
      const text = JSON.stringify([each.config, each.devices]);
      for (const mark of [...marks(original), name, id, here.concat('"')]) expect(text).not.toContain(mark);
      expect(text).not.toContain('volatile.apply_template');
    }
    const rules = await desk.lab.inside.output(['nft', 'list', 'ruleset']);
    for (const mark of [original, ...found].flatMap((each) => marks(each).slice(2))) expect(rules).toContain(mark);

    const idOf = (instance: string) => asRoot(instance, 'cat /etc/machine-id');
    const machineIds = await Promise.all([name, ...copies.map(({ instance }) => instance)].map(idOf));
    expect(new Set(machineIds).size).toBe(3);
    for (const machineId of machineIds) expect(machineId).toMatch(/^[0-9a-f]{32}$/);
    for (const { instance, workspace } of copies) {
      expect(await asRoot(instance, 'hostname; cat /etc/hostname /root/mark; ls /etc/ssh')).toBe(
        `${instance}\n${instance}\nhere`,
      );
      expect(await asRoot(instance, 'cat /etc/hosts')).toContain(instance);
      expect(await asRoot(instance, 'cat /etc/hosts')).not.toContain(name);
      expect((await agentOf(instance)).words.slice(-2)).toEqual(['--resume', talk]);
      expect(await inside('cat /workspace/uncommitted; echo own >/workspace/own', instance)).toBe('work');
      expect(await readdir(workspace!)).toContain('own');
    }
    expect(await git(`${here}-try-1`, 'branch', '--show-current')).toBe('try-1');
    expect(await git(here, 'status', '--porcelain')).toBe(before);
    expect((await agentOf(name)).pid).toBe(pid);
    await snapshotsAre(name);

    // What it does from here on is saved as a session of its own.
    const [first] = copies;
    await inside(`echo more >>.claude/projects/-workspace/${talk}.jsonl`, first!.instance);
    const killed = await coi('kill', first!.instance);
    expect(killed.stdout).toContain(`its worktree stays: ${here}-try-1`);
    const ids = await readdir(join(saved(id), '..'));
    const texts = ids.map((each) => readFile(join(saved(each), `.claude/projects/-workspace/${talk}.jsonl`), 'utf8'));
    const kept = await Promise.allSettled(texts);
    expect(kept.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))).toEqual(['talk\nmore\n']);
    expect(await readdir(saved(id))).not.toContain('.claude');
  });

  it('shares a workspace that is no repository in its next free slots, all of them or none', async () => {
    await project();
    await session();
    const many = await coi('fork', name, 'try', '-n', '10');
    expect(many).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('9 of 10 are free') });
    expect((await desk.controller.instances()).size).toBe(1);
    const { stdout, stderr, exitCode } = await coi('fork', name, 'try', '-n', '2');
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`the same directory as the original: ${here}, which is no Git repository`);
    for (const slot of [2, 3]) expect(stdout).toContain(`${desk.instance(here, slot)}  running`);
    await inside('echo shared >/workspace/file', desk.instance(here, 3));
    expect(await inside('cat /workspace/file')).toBe('shared');
  });

  it('is refused with what is in the way, and leaves no worktree then', async () => {
    await repository();
    await session();
    await git(here, 'branch', 'taken');
    const refusals = [
      [['fork', name, 'taken'], 1, 'The branch "taken" exists already'],
      [['fork', 'nothing', 'try'], 1, 'There is no container "nothing" of coi'],
      [['fork', name, 'try', '-n', '0'], 2, 'is too small'],
      [['fork', name, '../try'], 2, 'is no name for a copy'],
      [['fork', name], 2, 'coi fork'],
    ] as const;
    for (const [argv, exitCode, text] of refusals) {
      expect(await coi(...argv)).toMatchObject({ exitCode, stdout: '', stderr: expect.stringContaining(text) });
    }
    expect(await git(here, 'worktree', 'list')).not.toContain('\n');
    expect((await desk.controller.instances()).size).toBe(1);
  });
});

describe('a fork of a declared sandbox', () => {
  const fork = (...args: string[]) => desk.coi('/', ['fork', ...args]);

  it('is as the original was declared, not as somebody set it by hand, and is called as asked', async () => {
    await desk.controller.declare(
      'web',
      'policy = { drift = "observe" }',
      'limits = { memory = { limit = "100MiB" } }',
    );
    await desk.controller.ready('web', 'running');
    await desk.lab.incus('config', 'set', 'coi-web', 'environment.FOO=bar', 'user.thing=1');
    await desk.lab.incus('config', 'device', 'add', 'coi-web', 'extra', 'none');
    const own = ['coi-fork-mine', 'mine'];
    for (const each of own) await desk.lab.incus('snapshot', 'create', 'coi-web', each);
    await asRoot('coi-web', 'echo here >/root/mark');
    expect(await fork('web', 'try', '-n', '3')).toMatchObject({ exitCode: 0 });
    for (const each of ['try-1', 'try-2', 'try-3']) {
      const { config, devices } = await desk.controller.instance(`coi-${each}`);
      expect(Object.keys(devices).toSorted()).toEqual(['eth0', 'root']);
      expect(Object.keys(config)).not.toEqual(expect.arrayContaining(['environment.FOO']));
      expect(config).toMatchObject({
        'limits.memory': '100MiB',
        'user.coi.name': each,
        'user.coi.source': 'session/0',
      });
      expect(config['user.thing']).toBeUndefined();
      expect(await asRoot(`coi-${each}`, 'cat /root/mark')).toBe('here');
      const report = await desk.controller.ready(each, 'running');
      expect(report).toMatchObject({ copy_of: 'coi-web', drift: [], generation: 1 });
    }
    await snapshotsAre('coi-web', ...own);
    expect(await fork('web', 'try-2')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is taken') });
    // One whose container is lost is not made anew from the image: nothing that it was would be in it.
    // Its protection is put back before somebody is quick enough.
    await desk.controller.stop();
    await desk.lab.incus('config', 'set', 'coi-try-1', 'security.protection.delete=false');
    await desk.lab.incus('delete', '-f', 'coi-try-1');
    await desk.controller.start();
    await desk.controller.condition('try-1', 'Stalled(OriginMissing)');
    expect(await desk.coi('/', ['delete', 'try-1', 'try-2', 'try-3', '--wait'])).toMatchObject({ exitCode: 0 });
  });

  it('does not lead Incus to files of the host, whatever root inside made of its own', async () => {
    const victim = join(desk.lab.dir, 'victim');
    await writeFile(victim, 'precious coi-trap\n');
    await desk.controller.declare('trap', 'image = "system"');
    await desk.controller.ready('trap', 'running');
    const links = ['hostname', 'hosts', 'machine-id'].map((file) => `rm -f /etc/${file}; ln -s ${victim} /etc/${file}`);
    await asRoot(
      'coi-trap',
      [...links, 'mkdir -p /etc/ssh/ssh_host_x_key; ln -s /etc /etc/ssh/ssh_host_y_key'].join('; '),
    );
    expect(await fork('trap', 'caught')).toMatchObject({ exitCode: 0 });
    expect(await readFile(victim, 'utf8')).toBe('precious coi-trap\n');
    expect(await asRoot('coi-caught', 'readlink /etc/hostname')).toBe(victim);
    expect(await desk.coi('/', ['delete', 'caught', '--wait'])).toMatchObject({ exitCode: 0 });
  });

  it('of one that is held still is stopped, and the original stays as it is', async () => {
    await desk.controller.declare('held');
    await desk.controller.ready('held', 'running');
    expect(await desk.coi('/', ['freeze', 'held', '--reason', 'to look at it'])).toMatchObject({ exitCode: 0 });
    await desk.controller.when('held', ({ state }) => state === 'frozen');
    const { stderr, stdout, exitCode } = await fork('held', 'still');
    expect({ stderr, stdout, exitCode }).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('its copies are stopped'),
      stdout: expect.stringMatching(/coi-still +stopped/),
    });
    expect((await desk.controller.instances()).get('coi-held')).toBe('Frozen');
    expect(await desk.controller.ready('still', 'stopped')).toMatchObject({ desired_state: 'stopped' });
    expect(await desk.coi('/', ['delete', 'still', '--wait'])).toMatchObject({ exitCode: 0 });
  });

  it('outside its schedule is stopped, as its schedule says, and stays', async () => {
    await desk.controller.declare('night', 'schedule = { stop = "* * * * *" }');
    await desk.controller.ready('night', 'stopped');
    const { stdout, stderr, exitCode } = await fork('night', 'dark');
    expect({ stdout, stderr, exitCode }).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/coi-dark +stopped/),
      stderr: expect.stringContaining('coi-dark is not to run now. The reason: coi why coi-dark'),
    });
    expect(await desk.controller.ready('dark', 'stopped')).toMatchObject({ desired_state: 'running' });
    expect(await desk.coi('/', ['delete', 'dark', '--wait'])).toMatchObject({ exitCode: 0 });
  });

  it('stands although another one fails, which is undeclared and said', async () => {
    await desk.controller.declare('base', `workspace = "${projects}"`);
    await desk.controller.ready('base', 'running');
    const copies = [{ name: 'good' }, { name: 'bad', workspace: join(projects, 'nowhere') }];
    const report = await desk.controller.api.fork({ uid: 0, by: 'test', name: 'base', copies });
    expect(report.copies).toMatchObject([
      { name: 'good' },
      { name: 'bad', failure: expect.stringContaining('nowhere') },
    ]);
    await desk.controller.gone('bad');
    await desk.controller.ready('good', 'running');
    await snapshotsAre('coi-base');
    expect(await desk.coi('/', ['delete', 'good', '--wait'])).toMatchObject({ exitCode: 0 });
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'comes to be, and the original runs, although %s ends the controller meanwhile',
    async (end) => {
      const [of, copy] = [`of-${end.toLowerCase()}`, `to-${end.toLowerCase()}`];
      await desk.controller.declare(of);
      await desk.controller.ready(of, 'running');
      const copies = [`${copy}-1`, `${copy}-2`];
      const forking = desk.spawn('/', ['fork', of, copy, '-n', '2']);
      const declared = async () => (await readdir(join(desk.lab.stateDir, 'desired/0'))).includes(`${copy}-2.toml`);
      await until('copies to be declared', declared, { timeoutMs: 30_000, everyMs: 5 });
      await desk.controller.restart(end);
      await forking.ended;
      for (const each of [of, ...copies]) await desk.controller.ready(each, 'running');
      // Which Incus itself takes away, for nobody else does.
      const left = (await snapshots(`coi-${of}`)).map((path) => desk.lab.incus('query', path));
      const ends = (await Promise.all(left)).map((text) => (JSON.parse(text) as { expires_at: string }).expires_at);
      expect(ends).toEqual([expect.stringMatching(/^20/)]);
      expect(await desk.coi('/', ['delete', ...copies, '--wait'])).toMatchObject({ exitCode: 0 });
    },
  );
});

describe('a fork on a storage driver that copies file by file', () => {
  it('is told so, holds the original still meanwhile, and leaves it to Incus to let it go on', async () => {
    await using lab = await openLab({ name: 'fork-dir', images: ['busybox'] });
    await lab.incus('storage', 'create', 'slow', 'dir');
    await using controller = await startController(lab, { settings: '[incus]\nstorage_pool = "slow"\n' });
    await controller.declare('web');
    await controller.ready('web', 'running');
    const fill = 'i=0; while [ $i -lt 3000 ]; do echo $i >/root/$i; i=$((i+1)); done';
    await lab.incus('exec', 'coi-web', '--', 'sh', '-c', fill);
    const forking = controller.coi('fork', 'web', 'try');
    const statusNow = async () => (await controller.instance('coi-web')).status;
    await until('the original to be held', async () => (await statusNow()) === 'Frozen', { everyMs: 20 });
    const { stderr, exitCode } = await forking;
    expect({ stderr, exitCode }).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('stands still while') });
    expect(stderr).toContain('copies every file');
    expect(await statusNow()).toBe('Running');
    expect((await controller.coi('events', 'web', '--format', 'json')).stdout).not.toContain('it is frozen');
    expect(await lab.incus('exec', 'coi-try', '--', 'cat', '/root/2999')).toBe('2999');
    await controller.ready('web', 'running');
  });
});
