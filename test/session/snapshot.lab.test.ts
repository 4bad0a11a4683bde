import { chown, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../lab/until.ts';
import { temporaryNameFor } from '../../src/host/incus/temporary-names.ts';
import { openDesk, type Desk } from './desk.ts';

let desk: Desk;
let here: string;
/** The container of the workspace: stopped, and kept. */
let container: string;

beforeAll(async () => {
  desk = await openDesk('snapshot');
  here = await desk.workspace('project');
  await chown(here, 1000, 1000);
  container = desk.instance(here);
  await inside('echo first >~/file');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

/** Runs a line in the container of the workspace, which stands still afterwards. */
function inside(line: string) {
  return desk.run(here, ['--persistent', '--slot', '1', '--', 'sh', '-c', line]);
}

function snapshot(...args: string[]) {
  return desk.coi(here, ['snapshot', ...args]);
}

/** What Incus has. */
async function names(of = container): Promise<string[]> {
  const paths = JSON.parse(await desk.lab.incus('query', `/1.0/instances/${of}/snapshots`)) as string[];
  return paths.map((path) => path.slice(path.lastIndexOf('/') + 1)).toSorted();
}

async function clear(): Promise<void> {
  expect(await snapshot('delete', '--all', '--force')).toMatchObject({ exitCode: 0 });
}

const noted = 'snapshot succeeded: snapshot noted, by command';

describe('coi snapshot create', () => {
  it('makes one by name or by the hour, and none twice', async () => {
    expect(await snapshot('create', 'one')).toEqual({
      stdout: `Created snapshot one of ${container}`,
      stderr: '',
      exitCode: 0,
    });
    const before = Date.now();
    const [first, second] = [await snapshot('create'), await snapshot('create')];
    for (const { stdout } of [first, second])
      expect(stdout).toMatch(/^Created snapshot snap-\d{8}-\d{6}(?:-2)? of coi-/);
    const [, date, time] = /snap-(\d{8})-(\d{6})/.exec(first.stdout) ?? [];
    const hour = (at: number) => new Date(at).toISOString().replaceAll(/[-:]|\..*/g, '');
    expect(`${date}T${time}` >= hour(before) && `${date}T${time}` <= hour(Date.now())).toBe(true);
    expect(await names()).toHaveLength(3);
    const again = await snapshot('create', 'one');
    expect(again).toMatchObject({ exitCode: 1, stdout: '' });
    expect(again.stderr).toContain(`There is a snapshot "one" of ${container} already`);
    await clear();
  });

  it('refuses names that would harm, and what Incus cannot do, each with its reason', async () => {
    for (const name of ['..', '.', 'a/b', 'a b', '', 'x'.repeat(64), '\u001B[2J', '_', 'ü', 'coi-fork-x']) {
      const { exitCode, stderr } = await snapshot('create', name);
      expect({ name, exitCode }).toEqual({ name, exitCode: 1 });
      expect(stderr).toContain('is no name for a snapshot');
      expect(stderr).not.toContain('\u001B');
    }
    const stateful = await snapshot('create', 'with-memory', '--stateful');
    expect(stateful).toMatchObject({ exitCode: 1, stdout: '' });
    expect(stateful.stderr).toContain('Incus cannot keep what runs in a snapshot here: Stateful snapshots require');
    expect(stateful.stderr).toContain('Leave out --stateful');
    expect(await names()).toEqual([]);
  });

  it('is written down', async () => {
    expect(await snapshot('create', 'noted')).toMatchObject({ exitCode: 0 });
    const isNoted = async () => {
      const { stdout } = await desk.coi(here, ['events', container.slice(4), '--format', 'json']);
      const records = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, string>);
      return records.some(({ kind, phase, why }) => `${kind} ${phase}: ${why}` === noted);
    };
    // Records of what went well are written a few at a time.
    await until('it to be written down', isNoted);
    await clear();
  });
});

describe('coi snapshot list', () => {
  it('shows those of a container, the oldest first, as text and as JSON', async () => {
    expect(await snapshot('list')).toEqual({ stdout: 'Total: 0 snapshots', stderr: '', exitCode: 0 });
    await snapshot('create', 'older');
    await snapshot('create', 'newer');
    await desk.lab.incus('query', '-X', 'PUT', `/1.0/instances/${container}/snapshots/newer`, '-d', describeIt);
    const { stdout } = await snapshot('list');
    const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
    expect(stdout).toMatch(
      new RegExp(`^NAME +CREATED +STATEFUL\nolder +${time} +no\nnewer +${time} +no\n\nTotal: 2 snapshots$`),
    );
    const json = JSON.parse((await snapshot('list', '--format', 'json')).stdout) as unknown;
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
    expect(json).toEqual({
      container,
      snapshots: [
        { name: 'older', created_at: at, stateful: false },
        { name: 'newer', created_at: at, stateful: false, expires_at: '2199-01-02T03:04:05Z' },
      ],
    });
  });

  it('shows those of all containers by name', async () => {
    await desk.controller.declare('still', 'state = "stopped"');
    await desk.controller.ready('still', 'stopped');
    await desk.lab.incus('init', 'busybox', 'foreign');
    await desk.lab.incus('snapshot', 'create', 'foreign', 'theirs');
    const json = JSON.parse((await snapshot('list', '--all', '--format', 'json')).stdout) as Record<string, unknown[]>;
    expect(Object.keys(json)).toEqual([container, 'coi-still'].toSorted());
    expect(json[container]).toHaveLength(2);
    expect(json['coi-still']).toEqual([]);
    const { stdout } = await snapshot('list', '--all');
    expect(stdout).toContain('coi-still:\nTotal: 0 snapshots');
    expect(stdout).toContain(`${container}:\nNAME`);
    await desk.lab.incus('delete', 'foreign');
    await desk.controller.remove('still.toml');
    await clear();
  });

  it('shows no sign that could steer a terminal', async () => {
    const post = ['query', '-X', 'POST', `/1.0/instances/${container}/snapshots`, '--wait', '-d'];
    await desk.lab.incus(...post, JSON.stringify({ name: '\u001B[31mred' }));
    const { stdout } = await snapshot('list');
    expect(stdout).toContain(String.raw`\x1b[31mred`);
    expect(stdout).not.toContain('\u001B');
    expect((await snapshot('list', '--format', 'json')).stdout).not.toContain('\u001B');
    expect(await snapshot('delete', '\u001B[31mred')).toMatchObject({ exitCode: 0 });
  });
});

const describeIt = '{"expires_at":"2199-01-02T03:04:05Z"}';

describe('coi snapshot info', () => {
  it('says what is known of one, as text and as JSON', async () => {
    await snapshot('create', 'known');
    await desk.lab.incus('query', '-X', 'PUT', `/1.0/instances/${container}/snapshots/known`, '-d', describeIt);
    const json = JSON.parse((await snapshot('info', 'known', '--format', 'json')).stdout) as unknown;
    const [created_at, expires_at] = [expect.stringMatching(/^2.*Z$/), '2199-01-02T03:04:05Z'];
    expect(json).toEqual({ container, snapshot: { name: 'known', created_at, expires_at, stateful: false } });
    const { stdout } = await snapshot('info', 'known');
    expect(stdout.split('\n')).toEqual([
      'Name: known',
      `Container: ${container}`,
      expect.stringMatching(/^Created: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      'Expires: 2199-01-02 03:04:05',
      'Stateful: no',
    ]);
    for (const name of ['unknown', '..', 'a/b']) {
      const { exitCode, stderr } = await snapshot('info', name);
      expect({ name, exitCode }).toEqual({ name, exitCode: 1 });
      expect(stderr).toContain(`There is no snapshot "${name}" of ${container}`);
    }
    await clear();
  });
});

describe('coi snapshot restore', () => {
  it('brings the disk back, and leaves the workspace as it is', async () => {
    await inside('echo first >~/file; echo first >/workspace/file');
    await snapshot('create', 'before');
    await inside('echo second >~/file; echo second >/workspace/file; echo new >~/new');
    const asked = await desk.coi(here, ['snapshot', 'restore', 'before'], { input: 'n\n' });
    expect(asked).toMatchObject({ exitCode: 0, stdout: '' });
    expect(asked.stderr).toMatch(/Put coi-\S+ back to before\? .* is lost\. \[y\/N\] Cancelled/);
    expect((await snapshot('restore', 'before')).stderr).toContain('Cancelled');
    expect((await inside('cat ~/file')).stdout).toBe('second');
    expect(await desk.coi(here, ['snapshot', 'restore', 'before'], { input: 'Yes\n' })).toMatchObject({
      exitCode: 0,
      stdout: `Restored ${container} to snapshot before`,
    });
    expect((await inside('cat ~/file /workspace/file; ls ~')).stdout).toBe('first\nsecond\nfile');
    expect(await readFile(join(here, 'file'), 'utf8')).toBe('second\n');
    await inside('echo third >~/file');
    expect(await snapshot('restore', 'before', '-f')).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await inside('cat ~/file')).stdout).toBe('first');
    await clear();
  });

  it('takes one that is stopped, that there is, and without what ran', async () => {
    await snapshot('create', 'kept');
    const missing = await snapshot('restore', 'kep', '--force');
    expect(missing).toMatchObject({ exitCode: 1, stdout: '' });
    expect(missing.stderr).toContain(`There is no snapshot "kep" of ${container}`);
    const stateful = await snapshot('restore', 'kept', '--force', '--stateful');
    expect(stateful.exitCode).toBe(1);
    expect(stateful.stderr).toContain('snapshot "kept" was made without what ran');
    const running = desk.start(here, ['--persistent', '--slot', '1', '--', 'sh', '-c', 'echo up; exec sleep 600']);
    await running.printed(/up/, 60_000);
    const refused = await snapshot('restore', 'kept', '--force');
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain(`${container} must be stopped to be put back to a snapshot, and is running`);
    expect(refused.stderr).toContain(`coi container stop ${container}`);
    // One that runs can be kept all the same.
    expect(await snapshot('create', 'while-running')).toMatchObject({ exitCode: 0 });
    await running.stop('SIGTERM');
    expect(await snapshot('restore')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('needs NAME') });
    await clear();
  });

  it('names the file where a declared one is to be stopped', async () => {
    await desk.controller.declare('runs');
    await desk.controller.ready('runs', 'running');
    await snapshot('create', 'kept', '-c', 'runs');
    const { stderr, exitCode } = await snapshot('restore', 'kept', '-c', 'coi-runs', '--force');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/Set state = "stopped" in \S+\/desired\/runs\.toml:2 first/);
    await desk.controller.remove('runs.toml');
    await desk.controller.gone('runs');
  });
});

describe('coi snapshot delete', () => {
  it('deletes one without asking, and all of them with', async () => {
    for (const name of ['a', 'b', 'c']) await snapshot('create', name);
    expect(await snapshot('delete', 'b')).toEqual({
      stdout: `Deleted snapshot b of ${container}`,
      stderr: '',
      exitCode: 0,
    });
    expect(await names()).toEqual(['a', 'c']);
    // As is there while copies are made.
    const moment = temporaryNameFor('fork', { now: () => Date.now() });
    await desk.lab.incus('snapshot', 'create', container, moment);
    expect((await snapshot('list')).stdout).not.toContain(moment);
    const kept = await desk.coi(here, ['snapshot', 'delete', '--all'], { input: 'no\n' });
    expect(kept).toMatchObject({ exitCode: 0, stdout: '' });
    expect(kept.stderr).toContain(`Delete 2 snapshots of ${container}: a, c? [y/N]`);
    expect(await names()).toEqual(['a', 'c', moment]);
    expect(await desk.coi(here, ['snapshot', 'delete', '--all'], { input: 'YES\n' })).toMatchObject({ exitCode: 0 });
    expect(await names()).toEqual([moment]);
    expect(await snapshot('delete', moment)).toMatchObject({ exitCode: 0 });
    expect(await snapshot('delete', '--all')).toMatchObject({
      exitCode: 0,
      stdout: `There are no snapshots of ${container}`,
    });
  });

  it('exits with 2 where it is not said what, and with 1 where that is not there', async () => {
    const neither = await snapshot('delete');
    expect(neither).toMatchObject({ exitCode: 2, stdout: '' });
    expect(neither.stderr).toContain('needs a NAME, or --all');
    expect(await snapshot('delete', 'a', '--all')).toMatchObject({ exitCode: 2 });
    for (const name of ['a', '..', 'x/y']) {
      const { exitCode, stderr } = await snapshot('delete', name);
      expect({ name, exitCode }).toEqual({ name, exitCode: 1 });
      expect(stderr).toContain('There is no snapshot');
    }
    expect(await snapshot('delete', 'a', '--al')).toMatchObject({ exitCode: 1 });
  });
});

describe('the container of a snapshot', () => {
  it('is the one of the flag, else of the environment, else the only one of the workspace', async () => {
    const other = await desk.workspace('other');
    await desk.run(other, ['--persistent', '--slot', '1', 'true']);
    const second = desk.instance(other);
    const env = { COI_CONTAINER: second };
    const made = async (args: string[], cwd = here) =>
      (await desk.coi(cwd, ['snapshot', 'create', ...args], { env })).stdout;
    expect(await made(['a', '-c', container])).toBe(`Created snapshot a of ${container}`);
    expect(await made(['a', `--container=${container.slice(4)}x`])).toBe('');
    expect(await made(['b'])).toBe(`Created snapshot b of ${second}`);
    expect((await desk.coi(other, ['snapshot', 'create', 'c'])).stdout).toBe(`Created snapshot c of ${second}`);
    expect((await snapshot('create', 'd', '-w', other)).stdout).toBe(`Created snapshot d of ${second}`);
    expect(await names(second)).toEqual(['b', 'c', 'd']);
    await clear();
    const empty = await desk.workspace('empty');
    const { exitCode, stderr } = await desk.coi(empty, ['snapshot', 'create']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`The workspace ${empty} has no container`);
  });

  it('is to be said where the workspace has several', async () => {
    await desk.run(here, ['--persistent', '--slot', '2', 'true']);
    const { exitCode, stderr } = await snapshot('create');
    expect(exitCode).toBe(1);
    for (const name of [container, desk.instance(here, 2)]) expect(stderr).toContain(name);
    expect(stderr).toContain('Say which one with -c NAME');
    await desk.coi(here, ['kill', '--force', desk.instance(here, 2)]);
  });

  it('is one of coi, or none', async () => {
    await desk.lab.incus('init', 'busybox', 'foreign');
    const { exitCode, stderr } = await snapshot('create', 'x', '-c', 'foreign');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('"foreign" is not a container of coi');
    expect(stderr).toContain('incus snapshot');
    expect(await names('foreign')).toEqual([]);
    for (const name of ['nowhere', '../x', '..']) {
      const none = await snapshot('create', 'x', '-c', name);
      expect(none).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`There is no container "${name}"`) });
    }
    await desk.lab.incus('delete', 'foreign');
  });

  it('takes its snapshots along when it is deleted', async () => {
    await snapshot('create', 'left');
    expect(await desk.coi(here, ['kill', '--force', container])).toMatchObject({ exitCode: 0 });
    await desk.coi(here, ['kill', '--all', '--force']);
    await desk.cleared();
    const pool = join(desk.lab.incusDir, 'storage-pools/default');
    const left = await desk.lab.run([
      'sh',
      '-c',
      `find '${pool}'/containers-snapshots -mindepth 1; ls '${pool}'/containers`,
    ]);
    expect(left).toMatchObject({ stdout: '', exitCode: 0 });
  });
});
