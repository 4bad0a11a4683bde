import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../lab/controller.ts';
import { createContainer } from '../lab/create.ts';
import { sized } from '../helpers/full.ts';
import { until } from '../lab/until.ts';
import { listRules } from '../lab/world.ts';
import { openDesk, type Desk } from '../session/desk.ts';

let desk: Desk;
let here: string;

beforeAll(async () => {
  desk = await openDesk('container', ['busybox']);
  here = await desk.workspace('project');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

function container(...args: string[]) {
  return desk.coi(here, ['container', ...args]);
}

async function state(name: string): Promise<string | undefined> {
  return (await desk.controller.instances()).get(name);
}

async function isThere(name: string): Promise<readonly [exists: number, running: number]> {
  const [exists, running] = [await container('exists', name), await container('running', name)];
  for (const { stdout, stderr } of [exists, running]) expect(stdout + stderr).toBe('');
  return [exists.exitCode, running.exitCode];
}

async function declared(): Promise<readonly string[]> {
  return (await readdir(join(desk.lab.stateDir, 'desired/0'))).filter((file) => file.endsWith('.toml'));
}

/** Waits until nothing is left of one. */
async function gone(name: string, instance = name): Promise<void> {
  const isGone = async () => (await state(instance)) === undefined && !(await desk.controller.sandbox(name));
  await until(`${name} to be gone`, isGone, { timeoutMs: 60_000 });
}

/** One that is not of coi, as long as the test takes. */
async function strange(name: string, number: number): Promise<AsyncDisposable> {
  await createContainer(desk.lab, { name, number });
  return { [Symbol.asyncDispose]: async () => void (await desk.lab.incus('delete', '--force', name)) };
}

/** One that a directory declares, as long as the test takes. */
async function filed(name: string, ...keys: readonly string[]): Promise<AsyncDisposable> {
  await desk.controller.declare(name, ...keys);
  await desk.controller.ready(name);
  return {
    [Symbol.asyncDispose]: async () => {
      await desk.controller.remove(`${name}.toml`);
      await desk.controller.gone(name);
    },
  };
}

/** Launches one and takes it away again whatever happens. */
async function withContainer(name: string, work: () => Promise<void>, ...flags: string[]): Promise<void> {
  expect(await container('launch', 'busybox', name, ...flags)).toMatchObject({ exitCode: 0, stdout: '' });
  try {
    await work();
  } finally {
    await container('delete', '--force', name);
  }
}

describe('a container that is launched by name', () => {
  it('runs under just that name, by the rules of the settings, without an agent and without a workspace', async () => {
    await withContainer('plain', async () => {
      const report = await desk.controller.ready('plain', 'running');
      expect(report).toMatchObject({ instance: 'plain', persistent: true, network: 'restricted', source: 'session/0' });
      expect(report.agent).toEqual({ state: 'absent' });
      expect(report.workspace).toBeUndefined();
      expect(await listRules(desk.lab)).toContain(report.ipv4);
      expect(Object.keys((await desk.controller.instance('plain')).devices).toSorted()).toEqual(['eth0', 'root']);
      expect(await isThere('plain')).toEqual([0, 0]);
    });
    expect(await isThere('plain')).toEqual([1, 1]);
    expect(await declared()).toEqual([]);
  });

  it('reaches what is public and nothing private', async () => {
    const [internet, lan] = [await desk.lab.neighbour('internet'), await desk.lab.neighbour('private')];
    for (const each of [internet, lan]) await each.serve({ proto: 'tcp', port: 8080 });
    await withContainer('bound', async () => {
      const to = (ip: string) => container('exec', 'bound', '--', 'nc', '-w', '3', ip, '8080');
      expect((await to(internet.ipv4)).exitCode).toBe(0);
      expect((await to(lan.ipv4)).exitCode).not.toBe(0);
      expect((await lan.received()).length).toBe(0);
    });
  });

  it('has the limits, mounts and workspace that flags and settings give it', async () => {
    const data = join(desk.lab.dir, 'given');
    await mkdir(data, { recursive: true });
    await desk.settings('[limits.cpu]\npriority = 5\n');
    const flags = ['-w', here, '--limit-memory', '64MiB', '--network', 'none', '--mount', `${data}:/data`];
    await withContainer(
      'coi-full',
      async () => {
        const report = await desk.controller.ready('full', 'running');
        expect(report).toMatchObject({ instance: 'coi-full', network: 'none', workspace: here });
        const { config } = await desk.controller.instance('coi-full');
        expect(config).toMatchObject({ 'limits.memory': '64MiB', 'limits.cpu.priority': '5' });
        expect((await container('exec', 'coi-full', '--', 'pwd')).stdout).toBe('/workspace');
        expect((await container('exec', 'full', '--', 'ls', '-d', '/data')).stdout).toBe('/data');
      },
      ...flags,
    );
    await desk.settings('');
  });

  it('goes when it stops, by command or from inside, where it is ephemeral, and its name is free again', async () => {
    expect(await container('launch', 'busybox', 'brief', '--ephemeral')).toMatchObject({ exitCode: 0 });
    await desk.lab.incus('exec', 'brief', '--', 'poweroff', '-f').catch(() => undefined);
    await gone('brief');
    expect(await declared()).toEqual([]);
    for (const force of [[], ['--force']]) {
      expect(await container('launch', 'busybox', 'brief', '--ephemeral')).toMatchObject({ exitCode: 0 });
      expect(await container('stop', 'brief', ...force)).toMatchObject({ exitCode: 0 });
      expect(await isThere('brief')).toEqual([1, 1]);
      expect(await declared()).toEqual([]);
    }
  });

  it('is refused where the name is taken, by whatever, or could not be one', async () => {
    await using _foreign = await strange('foreign', 9);
    await using _web = await filed('web', 'state = "stopped"');
    const refused = async (name: string) => {
      const { exitCode, stdout, stderr } = await container('launch', 'busybox', '--', name);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      return stderr;
    };
    expect(await refused('foreign')).toContain('there is an instance of that name');
    for (const name of ['web', 'coi-web']) expect(await refused(name)).toContain('web.toml');
    for (const name of ['coi-1a2b3c4d-1', '1a2b3c4d-2', 'mine-1a2b3c4d-3']) {
      expect(await refused(name)).toMatch(/reads like that of a session|lower-case letter first/);
    }
    const none = ['', '../up', '-a', 'a'.repeat(64), 'Upper', 'a_b', 'a-', 'del-x', 'ü', 'a b', '$(id)'];
    for (const name of none.slice(0, sized(4, none.length)))
      expect(await refused(name)).toContain('No container can be launched as');
    await withContainer('mine', async () => {
      expect(await refused('mine')).toContain('mine.toml');
      expect(await refused('coi-mine')).toContain('mine.toml');
      const file = join(desk.lab.dir, 'mine.toml');
      await writeFile(file, manifest('mine'));
      expect(await desk.coi(here, ['apply', '-f', file])).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('is declared in'),
      });
      expect([await state('mine'), await state('coi-mine')]).toEqual(['Running', undefined]);
    });
    expect(await declared()).toEqual([]);
  });

  it('goes to exactly one of many who launch it at once', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => container('launch', 'busybox', 'race')));
    expect(all.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    expect(all.filter(({ exitCode }) => exitCode === 1)).toHaveLength(3);
    expect(await container('delete', '--force', 'race')).toMatchObject({ exitCode: 0 });
  });

  it('leaves nothing where its image is missing, what it is given is wrong, or it is called off', async () => {
    const missing = await container('launch', 'nowhere', 'lost');
    expect(missing).toMatchObject({ exitCode: 1, stdout: '' });
    expect(missing.stderr).toContain('There is no image with the alias "nowhere"');
    expect(missing.stderr).toContain('coi build');
    const wrong = await container('launch', 'busybox', 'lost', '--mount', '/tmp:/a', '--mount', '/tmp:/a/b');
    expect(wrong).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('nested') });
    const running = desk.spawn(here, ['container', 'launch', 'busybox', 'lost']);
    await desk.controller.when('lost', () => true);
    expect(await running.stop('SIGINT')).toMatchObject({ exitCode: 130 });
    await gone('lost');
    expect(await declared()).toEqual([]);
  });
});

describe('a container', () => {
  it('stops and starts by command, also after its end from inside, and keeps what is in it', async () => {
    await withContainer('power', async () => {
      expect(await container('exec', 'power', '--', 'sh', '-c', 'echo kept >/root/marker')).toMatchObject({
        exitCode: 0,
      });
      expect(await container('stop', 'power')).toMatchObject({ exitCode: 0, stdout: '' });
      expect(await isThere('power')).toEqual([0, 1]);
      expect(await desk.controller.ready('power', 'stopped')).toMatchObject({ desired_state: 'stopped' });
      expect(await container('start', 'power')).toMatchObject({ exitCode: 0, stdout: '' });
      expect((await container('exec', 'power', '--', 'cat', '/root/marker')).stdout).toBe('kept');
      await desk.lab.incus('exec', 'power', '--', 'poweroff', '-f').catch(() => undefined);
      await desk.controller.when('power', (each) => each.state === 'stopped');
      // Nobody asked for a start: it stays so.
      expect(await container('exec', 'power', '--', 'true')).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('coi container start power'),
      });
      for (const _ of ['first', 'again']) expect(await container('start', 'power')).toMatchObject({ exitCode: 0 });
      const report = await desk.controller.ready('power', 'running');
      expect(await listRules(desk.lab)).toContain(report.ipv4);
      expect(await container('stop', '--force', 'power')).toMatchObject({ exitCode: 0 });
      expect(await container('stop', 'power')).toMatchObject({ exitCode: 0 });
      expect(await state('power')).toBe('Stopped');
    });
  });

  it('is deleted once it is stopped, or by force, with its rules and its manifest', async () => {
    expect(await container('launch', 'busybox', 'doomed')).toMatchObject({ exitCode: 0 });
    const { ipv4 } = await desk.controller.ready('doomed');
    const refused = await container('delete', 'doomed');
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain('doomed: It is running, and only what is stopped is deleted');
    expect(await state('doomed')).toBe('Running');
    expect(await container('stop', 'doomed')).toMatchObject({ exitCode: 0 });
    expect(await container('delete', 'doomed')).toMatchObject({ exitCode: 0, stdout: '' });
    expect(await isThere('doomed')).toEqual([1, 1]);
    expect(await listRules(desk.lab)).not.toContain(ipv4);
    expect(await container('delete', 'doomed')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('There is no container "doomed"'),
    });
    expect(await declared()).toEqual([]);
  });

  it('that is protected is not stopped where it would go then', async () => {
    const file = join(desk.lab.dir, 'guarded.toml');
    const apply = async (...keys: readonly string[]) => {
      await writeFile(file, manifest('guarded', 'restart = "never"', ...keys));
      expect(await desk.coi(here, ['apply', '-f', file, '--wait'])).toMatchObject({ exitCode: 0 });
      await desk.controller.ready('guarded', 'running');
    };
    await apply('policy.deletion = "protect"');
    for (const verb of [['stop'], ['stop', '--force'], ['delete', '--force']]) {
      const [word = '', ...flags] = verb;
      const said = expect.stringContaining('policy.deletion is "protect"');
      expect(await container(word, 'coi-guarded', ...flags)).toEqual({ exitCode: 1, stdout: '', stderr: said });
    }
    expect(await state('coi-guarded')).toBe('Running');
    await apply();
    expect(await container('stop', 'coi-guarded')).toMatchObject({ exitCode: 0 });
    await gone('guarded', 'coi-guarded');
  });

  it('that a directory declares, that is held, or that is not of coi is left as it is, with what to do instead', async () => {
    await using _other = await strange('other', 8);
    await using _filed = await filed('filed');
    for (const verb of [['stop'], ['start'], ['delete', '--force']]) {
      const [word = '', ...flags] = verb;
      const foreign = await container(word, 'other', ...flags);
      expect(foreign).toMatchObject({ exitCode: 1, stdout: '' });
      expect(foreign.stderr).toContain(`incus ${word} other`);
      expect(await container(word, 'filed', ...flags)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('filed.toml'),
      });
    }
    const data = await desk.workspace('more');
    expect((await container('mount', 'other', 'd', data, '/d')).stderr).toContain('incus config device add other');
    expect((await container('mount', 'filed', 'd', data, '/d')).stderr).toContain('filed.toml');
    expect([await state('other'), await state('coi-filed')]).toEqual(['Running', 'Running']);
    await withContainer('frosty', async () => {
      await desk.coi(here, ['freeze', 'frosty']);
      await desk.controller.when('frosty', (each) => each.state === 'frozen');
      const start = await container('start', 'frosty');
      for (const said of ['coi resume frosty', 'coi why frosty']) expect(start.stderr).toContain(said);
      expect((await container('exec', 'frosty', '--', 'true')).stderr).toContain('coi resume frosty');
    });
    // What held it was about that one.
    await withContainer('frosty', async () => {
      expect(await isThere('frosty')).toEqual([0, 0]);
    });
  });

  it('gets mounts while it runs, which stay over a restart: shifted or not, to be written or only read', async () => {
    const [shared, bare] = [join(desk.lab.dir, 'shared'), join(desk.lab.dir, 'bare')];
    for (const path of [shared, bare]) {
      await mkdir(path, { recursive: true });
      await writeFile(join(path, 'file'), 'seen\n');
    }
    await withContainer('mounted', async () => {
      expect(await container('mount', 'mounted', 'data', shared, '/data', '--readonly')).toMatchObject({
        exitCode: 0,
        stdout: '',
      });
      expect(await container('mount', 'mounted', 'raw', bare, '/raw', '--shift=false')).toMatchObject({ exitCode: 0 });
      const look = async () => {
        const { devices } = await desk.controller.instance('mounted');
        const mounts = Object.values(devices).filter(({ path }) => path === '/data' || path === '/raw');
        expect([devices['data']?.['path'], devices['raw']?.['path']]).toEqual(['/data', '/raw']);
        expect(mounts.map(({ path, shift, readonly }) => ({ path, shift, readonly }))).toEqual(
          expect.arrayContaining([
            { path: '/data', shift: 'true', readonly: 'true' },
            { path: '/raw', shift: undefined, readonly: undefined },
          ]),
        );
        const owners = await container('exec', 'mounted', '--', 'stat', '-c', '%u', '/data/file', '/raw/file');
        expect(owners.stdout.split('\n')).toEqual(['0', '65534']);
        expect((await container('exec', 'mounted', '--', 'touch', '/data/new')).stderr).toContain('Read-only');
      };
      await look();
      expect(await container('stop', 'mounted')).toMatchObject({ exitCode: 0 });
      expect(await container('start', 'mounted')).toMatchObject({ exitCode: 0 });
      await look();
      const said = async (...args: string[]) => {
        const { exitCode, stderr } = await container('mount', 'mounted', ...args);
        expect(exitCode).toBe(1);
        return stderr;
      };
      expect(await said('d', shared, '/data')).toContain('is a mount of it already');
      for (const device of ['data', 'root', 'eth0'])
        expect(await said(device, shared, '/d')).toContain(`"${device}" is a device of it already`);
      expect(await said('data', shared, '/d')).toContain('incus config device show mounted');
      for (const device of ['', 'a/b', 'mount-1']) expect(await said(device, shared, '/d')).toContain('device');
      expect(await said('workspace', shared, '/d')).toContain('that of something else');
      expect(await said('d', shared, '/data/below')).toContain('nested');
      expect(await said('d', shared, '/proc/x')).toContain('what the system inside needs');
      expect(await said('d', shared, 'relative')).toContain('must be absolute');
      expect(await said('d', shared, '/a\u0007b')).toContain('Cannot mount');
      expect(await said('d', join(desk.lab.dir, 'nowhere'), '/d')).toContain('ENOENT');
      expect(await said('d', join(shared, 'file'), '/d')).toContain('is no directory');
      expect(await desk.controller.ready('mounted')).toMatchObject({ state: 'running' });
    });
  });

  it('that ended by itself is not started by a mount', async () => {
    await withContainer('asleep', async () => {
      await desk.lab.incus('exec', 'asleep', '--', 'poweroff', '-f').catch(() => undefined);
      await desk.controller.when('asleep', (each) => each.state === 'stopped');
      expect(await container('mount', 'asleep', 'd', await desk.workspace('later'), '/d')).toMatchObject({
        exitCode: 0,
      });
      expect(await desk.controller.ready('asleep')).toMatchObject({ state: 'stopped' });
      expect(await container('start', 'asleep')).toMatchObject({ exitCode: 0 });
      expect((await container('exec', 'asleep', '--', 'ls', '-d', '/d')).stdout).toBe('/d');
    });
  });

  it('is listed with all others, as Incus has it, as text and as JSON', async () => {
    await using _stranger = await strange('stranger', 7);
    await withContainer('listed', async () => {
      const { stdout } = await container('list');
      expect(stdout.split('\n').map((line) => line.split(/\s+/).slice(0, 2))).toEqual([
        ['NAME', 'STATE'],
        ['listed', 'Running'],
        ['stranger', 'Running'],
      ]);
      const { ipv4 } = await desk.controller.ready('listed');
      expect(stdout).toContain(ipv4);
      const all = JSON.parse((await container('list', '--format', 'json')).stdout) as Record<string, unknown>[];
      expect(all).toEqual([
        expect.objectContaining({ name: 'listed', status: 'Running', config: expect.any(Object) }),
        expect.objectContaining({ name: 'stranger', state: expect.objectContaining({ status: 'Running' }) }),
      ]);
    });
  });
});
