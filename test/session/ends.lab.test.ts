import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../lab/until.ts';
import { worldOf } from '../lab/world.ts';
import { openDesk, type Desk } from './desk.ts';

let desk: Desk;
let here: string;
let name: string;
let count = 0;

beforeAll(async () => {
  desk = await openDesk('ends', ['system']);
});
afterAll(() => desk?.[Symbol.asyncDispose]());
afterEach(async () => {
  await desk.coi('/', ['kill', '--all', '--force']);
});

// Each works in a directory of its own.
async function project(): Promise<void> {
  count += 1;
  here = await desk.workspace(`project-${count}`);
  name = desk.instance(here);
}

/** Starts sessions in the background. */
async function background(...more: readonly string[][]): Promise<void> {
  for (const args of more) {
    const env = { COI_USE_DUMMY: '1' };
    const started = await desk.coi(here, ['shell', '--background', '--image', 'system', ...args], { env });
    expect(started).toMatchObject({ exitCode: 0 });
  }
}

const inside = (...argv: string[]) => desk.lab.incus('exec', name, '--', ...argv);
const powers = async () => Object.fromEntries(await desk.controller.instances());

describe('coi shutdown', () => {
  it('lets what runs inside end, then deletes the container with its rules', async () => {
    await project();
    await desk.cleared();
    await background([]);
    await desk.coi(here, ['kill', name]);
    const before = await worldOf(desk.lab);
    await background([]);
    // A note that is only written by a system that shuts down in order.
    await inside(
      'sh',
      '-c',
      'printf "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStop=/bin/sh -c \\"touch /workspace/in-order\\"\\n[Install]\\nWantedBy=multi-user.target\\n" >/etc/systemd/system/late.service; systemctl enable --now late',
    );
    expect(await desk.coi(here, ['shutdown', name])).toMatchObject({ stdout: `${name}: Shut down`, exitCode: 0 });
    expect(await readdir(here)).toContain('in-order');
    expect(await worldOf(desk.lab)).toEqual(before);
  });

  it('forces what does not end in time, and goes on when nobody waits for it any more', async () => {
    await project();
    await background([], ['--persistent']);
    const names = [name, desk.instance(here, 2)];
    for (const each of names)
      await desk.lab.incus('exec', each, '--', 'systemctl', 'mask', 'halt.target', 'poweroff.target', 'sigpwr.target');
    await desk.lab.incus('exec', name, '--', 'sh', '-c', 'kill -STOP $(pgrep -x dummy)');
    expect(await desk.coi(here, ['shutdown', name, '--timeout', '2'])).toMatchObject({ exitCode: 0 });
    expect(await powers()).toEqual({ [names[1] ?? '']: 'Running' });

    const waiting = desk.spawn(here, ['shutdown', '--timeout=3s', names[1] ?? '']);
    const manifest = join(desk.lab.stateDir, 'desired/0', `${(names[1] ?? '').slice(4)}.toml`);
    await until('the shutdown to be declared', async () =>
      (await readFile(manifest, 'utf8')).includes('ends_within = 3'),
    );
    await waiting.stop('SIGKILL');
    await desk.controller.restart('SIGKILL');
    await desk.cleared();
  });

  it('asks before it ends several, and knows none, some and all', async () => {
    await project();
    await background([], []);
    const names = [name, desk.instance(here, 2)];
    const no = await desk.coi(here, ['shutdown', ...names], { input: 'n\n' });
    expect(no).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/Shutdown 2 containers.*\[y\/N\] Cancelled/),
    });
    expect(Object.values(await powers())).toEqual(['Running', 'Running']);
    expect(await desk.coi(here, ['shutdown', 'nobody'])).toMatchObject({ exitCode: 1 });
    expect(await desk.coi(here, ['shutdown'])).toMatchObject({ exitCode: 1 });
    expect(await desk.coi(here, ['shutdown', '--all', '--force'])).toMatchObject({ exitCode: 0 });
    expect(await powers()).toEqual({});
    expect(await desk.coi(here, ['shutdown', '--all'])).toMatchObject({ exitCode: 0 });
  });

  it('leaves what a file declares to its file, and names that', async () => {
    await desk.controller.declare('web', 'image = "system"');
    await desk.controller.ready('web', 'running');
    for (const verb of ['shutdown', 'persist']) {
      const { exitCode, stderr } = await desk.coi('/', [verb, 'coi-web']);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: expect.stringContaining(join(desk.controller.dir(), 'web.toml')),
      });
    }
    await desk.controller.remove('web.toml');
    await desk.controller.gone('web');
  });
});

describe('coi persist', () => {
  it('keeps the containers of a workspace, of names or of all when they stop', async () => {
    await project();
    await background([], [], []);
    const [, second = '', third = ''] = [1, 2, 3].map((slot) => desk.instance(here, slot));
    expect(await desk.coi(here, ['persist', second])).toMatchObject({ exitCode: 0 });
    expect(await desk.coi(here, ['persist', 'nobody'])).toMatchObject({ exitCode: 1 });
    expect(await desk.coi('/', ['persist'])).toMatchObject({ exitCode: 1 });
    await desk.lab.incus('exec', second, '--', 'poweroff');
    await desk.lab.incus('exec', third, '--', 'poweroff');
    await until(
      'one to stop and one to go',
      async () => {
        const seen = await powers();
        return seen[second] === 'Stopped' && !(third in seen);
      },
      { timeoutMs: 60_000 },
    );
    expect(await desk.coi(here, ['persist', '--force'])).toMatchObject({
      exitCode: 0,
      stdout: `${name}: It stays when it stops`,
    });
    const { stdout } = await desk.coi(here, ['list', '--format', 'json']);
    const { active_containers: containers } = JSON.parse(stdout) as { active_containers: { persistent: boolean }[] };
    expect(containers.map(({ persistent }) => persistent)).toEqual([true, true]);
  });
});

describe('coi clean', () => {
  it('deletes what is stopped, not what runs, and what is persistent only when told all', async () => {
    await project();
    await background(['--persistent'], ['--persistent']);
    const [first = '', second = ''] = [1, 2].map((slot) => desk.instance(here, slot));
    await desk.lab.incus('exec', first, '--', 'poweroff');
    await desk.controller.when(first.replace(/^coi-/, ''), ({ state }) => state === 'stopped', { timeoutMs: 60_000 });
    expect(await desk.coi(here, ['clean', '--force'])).toEqual({ stdout: 'Nothing to clean', stderr: '', exitCode: 0 });
    const dry = await desk.coi(here, ['clean', '--all', '--dry-run']);
    expect(dry).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(`Stopped containers:\n  ${first}\nSaved sessions`),
    });
    const no = await desk.coi(here, ['clean', '--all'], { input: 'no\n' });
    expect(no).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/Delete 1 stopped container\? \[y\/N\] Cancelled/),
    });
    expect(Object.keys(await powers())).toHaveLength(2);
    expect((await desk.coi(here, ['clean', '--all', '--force'])).stdout).toMatch(/Removed \d+$/);
    expect(await powers()).toEqual({ [second]: 'Running' });
  });
});

describe('coi resume', () => {
  it('lets what was frozen run again, by name of container or all, and says what is not', async () => {
    await project();
    await background([], []);
    const names = [1, 2].map((slot) => desk.instance(here, slot));
    const [first = '', second = ''] = names;
    for (const each of names) expect(await desk.coi(here, ['freeze', each.slice(4)])).toMatchObject({ exitCode: 0 });
    const frozen = async () => Object.values(await powers()).filter((power) => power === 'Frozen').length;
    await until('both to be frozen', async () => (await frozen()) === 2, { timeoutMs: 30_000 });
    expect(await desk.coi(here, ['attach', first])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`coi resume ${first}`),
    });
    expect(await desk.coi(here, ['resume', first])).toMatchObject({ exitCode: 0 });
    await until('one to run', async () => (await powers())[first] === 'Running', { timeoutMs: 30_000 });
    expect(await desk.coi(here, ['resume', first])).toMatchObject({ exitCode: 1 });
    expect(await desk.coi(here, ['resume'])).toMatchObject({ exitCode: 0 });
    await until('the other, too', async () => (await powers())[second] === 'Running', { timeoutMs: 30_000 });
  });
});
