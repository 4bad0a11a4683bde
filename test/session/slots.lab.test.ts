import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionOpened, SessionRequest } from '../../src/controller/session-api.ts';
import { renderManifest } from '../../src/spec/render-manifest.ts';
import { resolveSandbox } from '../../src/spec/resolve-sandbox.ts';
import { workspaceHash } from '../../src/spec/session-names.ts';
import { createContainer } from '../lab/create.ts';
import { worldOf } from '../lab/world.ts';
import { openDesk, type Desk } from './desk.ts';

let desk: Desk;

beforeAll(async () => {
  desk = await openDesk('slots');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

/** What a command line would ask for, without a container that runs. */
function request(workspace: string, more: Partial<SessionRequest> = {}): SessionRequest {
  const layers = [{ image: 'busybox', workspace, state: 'stopped' as const, persistent: true }];
  const sandbox = resolveSandbox({ layers, home: '/root', session: true });
  const manifest = renderManifest({ name: '00000000-1', instance: 'coi-00000000-1', sandbox });
  return { uid: 0, by: 'test', hash: workspaceHash(workspace), prefix: 'coi-', manifest, ...more };
}

function open(init: SessionRequest): Promise<SessionOpened | string> {
  return desk.controller.api.openSession(init).catch((error: { code: string }) => error.code);
}

async function killAll(here: string): Promise<void> {
  expect(await desk.coi(here, ['kill', '--all', '--force'])).toMatchObject({ exitCode: 0 });
}

describe('slots', () => {
  it('go to exactly one of many who start at once; those for whom none is left are told', async () => {
    const here = await desk.workspace('race');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => open(request(here, { uid: index % 3 }))),
    );
    const slots = answers.flatMap((answer) => (typeof answer === 'string' ? [] : [answer.slot]));
    expect(slots.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(answers.filter((answer) => typeof answer === 'string')).toEqual(Array(10).fill('session.slots'));
    await killAll(here);
    expect(await open(request(here))).toMatchObject({ slot: 1 });
    await killAll(here);
  });

  it('are given out lowest first, and the next free one where the wanted one is taken', async () => {
    const here = await desk.workspace('order');
    const running = desk.start(here, ['--', 'sh', '-c', 'echo up; sleep 100']);
    await running.printed(/up/, 60_000);
    expect(await desk.run(here, ['--format', 'json', 'true'])).toMatchObject({
      stdout: expect.stringContaining(desk.instance(here, 2)),
      stderr: '',
    });
    const taken = await desk.run(here, ['--slot', '1', '--format', 'json', 'true']);
    expect(taken.stderr).toBe('Slot 1 is taken, using slot 2');
    expect(JSON.parse(taken.stdout)).toMatchObject({ container: desk.instance(here, 2) });
    await running.stop('SIGTERM');
  });

  it('are taken by any instance of their name, whoever owns it', async () => {
    const here = await desk.workspace('foreign');
    await desk.cleared();
    await createContainer(desk.lab, { name: desk.instance(here), start: false });
    expect((await desk.run(here, ['--format', 'json', 'true'])).stdout).toContain(desk.instance(here, 2));
    expect(await desk.coi(here, ['kill', desk.instance(here)])).toMatchObject({ exitCode: 1 });
    expect((await desk.controller.instances()).has(desk.instance(here))).toBe(true);
    await desk.lab.incus('delete', desk.instance(here));
  });

  it('are free again when what stopped in them by itself is gone', async () => {
    const here = await desk.workspace('leftover');
    const running = desk.start(here, ['--slot', '1', '--', 'sh', '-c', 'echo up; sleep 100']);
    await running.printed(/up/, 60_000);
    const first = await desk.controller.instance(desk.instance(here));
    await desk.lab.incus('stop', '--force', desk.instance(here));
    const again = await desk.run(here, ['--slot', '1', '--format', 'json', 'true']);
    expect(JSON.parse(again.stdout)).toMatchObject({ container: desk.instance(here), exit_code: 0 });
    const { stdout } = await desk.coi(here, ['events', desk.instance(here).slice(4), '--format', 'json']);
    const created = new Set([...stdout.matchAll(/"uid":"(\w+)"/g)].map(([, uid]) => uid));
    expect([created.size, created.has(first.config['user.coi.uid'])]).toEqual([2, true]);
    await running.ended;
  });

  it('of another prefix are others, in every command', async () => {
    const here = await desk.workspace('prefix');
    const other = { env: { COI_CONTAINER_PREFIX: 'ci-' } };
    const names = ['coi-', 'ci-'].map((prefix) => desk.instance(here, 1, prefix));
    for (const options of [{}, other]) {
      const { stdout } = await desk.run(here, ['--persistent', '--slot', '1', '--format', 'json', 'true'], options);
      expect(names).toContain((JSON.parse(stdout) as { container: string }).container);
    }
    expect([...(await desk.controller.instances()).keys()].toSorted()).toEqual(names.toSorted());
    const manifest = join(desk.lab.stateDir, 'desired/0', `${names[1]}.toml`);
    expect(await readFile(manifest, 'utf8')).toContain(`instance = "${names[1]}"`);
    expect((await desk.coi(here, ['list'], other)).stdout).toContain(names[1]);
    expect(await desk.coi(here, ['kill', '--all', '--force'], other)).toMatchObject({ exitCode: 0 });
    expect([...(await desk.controller.instances()).keys()]).toEqual([names[0]]);
    await killAll(here);
    const refused = await desk.run(here, ['true'], { env: { COI_CONTAINER_PREFIX: '../' } });
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('COI_CONTAINER_PREFIX') });
  });

  it('are asked for by names that cannot lead elsewhere', async () => {
    const here = await desk.workspace('hostile');
    const hostile = ['../../x', 'a'.repeat(10_000), "'; rm -rf /", 'x\0y', 'x\ny', '{}', '', '0123456g'];
    for (const text of hostile) {
      expect(await open(request(here, { hash: text }))).toBe('session.name');
      expect(await open(request(here, { prefix: text }))).toBe('session.name');
    }
    for (const slot of [-1, 0, 11, 1.5, Number.NaN]) expect(await open(request(here, { slot }))).toBe('session.name');
    expect((await desk.controller.status()).sandboxes).toEqual([]);
  });
});

describe('coi kill', () => {
  it('deletes one, several or all, with their rules, and asks before it deletes several', async () => {
    const here = await desk.workspace('kill');
    await desk.cleared();
    const before = await worldOf(desk.lab);
    const names = [1, 2, 3].map((slot) => desk.instance(here, slot));
    const args = names.map((_, index) => ['--persistent', '--slot', String(index + 1), 'true']);
    for (const each of args) expect(await desk.run(here, each)).toMatchObject({ exitCode: 0 });
    const [first = '', ...others] = names;
    expect(await desk.coi(here, ['kill', ...others], { input: '' })).toMatchObject({ exitCode: 0, stdout: '' });
    const no = await desk.coi(here, ['kill', '--all'], { input: 'n\n' });
    expect(no).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/\[y\/N\] Cancelled/) });
    expect((await desk.controller.instances()).size).toBe(3);
    expect(await desk.coi(here, ['kill', first])).toEqual({ stdout: `${first}: Killed`, stderr: '', exitCode: 0 });
    expect(await desk.coi(here, ['kill', first])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(first),
    });
    expect(await desk.coi(here, ['kill', ...others, 'nobody'], { input: 'y\n' })).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('nobody: There is no such container'),
    });
    expect(await worldOf(desk.lab)).toEqual(before);
    expect(await desk.coi(here, ['kill', '--all'])).toMatchObject({ exitCode: 0 });
    expect(await desk.coi(here, ['kill'])).toMatchObject({ exitCode: 1 });
  });

  it('deletes what runs, and its command ends with it', async () => {
    const here = await desk.workspace('busy');
    const running = desk.start(here, ['--', 'sh', '-c', 'echo up; sleep 600']);
    await running.printed(/up/, 60_000);
    expect(await desk.coi(here, ['kill', desk.instance(here)])).toMatchObject({ exitCode: 0 });
    expect((await running.ended).exitCode).toBe(137);
  });

  it('leaves what a file declares to its file, and names that', async () => {
    const here = await desk.workspace('declared');
    await desk.controller.declare('web');
    await desk.controller.ready('web', 'running');
    const { exitCode, stderr } = await desk.coi(here, ['kill', 'coi-web']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(join(desk.controller.dir(), 'web.toml'));
    expect(await desk.coi(here, ['kill', '--all', '--force'])).toMatchObject({ exitCode: 0 });
    await desk.controller.ready('web', 'running');
    await desk.controller.remove('web.toml');
    await desk.controller.gone('web');
  });
});

describe('without a controller', () => {
  it('root runs a command all the same, and leaves nothing', async () => {
    const here = await desk.workspace('alone');
    await desk.controller.stop();
    const before = await worldOf(desk.lab);
    expect(await desk.run(here, ['--', 'sh', '-c', 'echo done; exit 4'])).toMatchObject({
      stdout: 'done',
      exitCode: 4,
    });
    expect((await worldOf(desk.lab)).instances).toEqual(before.instances);
    await desk.controller.start();
  });
});

describe('a session that is given up', () => {
  it('while its container is being created is deleted like any other', async () => {
    const here = await desk.workspace('given-up');
    // Creating takes longer than the longest of these waits.
    for (let ms = 0; ms < 200; ms += 20) {
      const opened = await open(request(here));
      if (typeof opened === 'string') throw new Error(opened);
      await sleep(ms);
      await desk.controller.api.delete({ names: [opened.name], by: 'test' });
      await desk.cleared();
    }
    const done: string[] = [];
    for await (const { key, kind } of desk.controller.api.events({ signal: AbortSignal.timeout(20_000) })) {
      if (String(key) === `sandbox/${workspaceHash(here)}-1`) done.push(String(kind));
    }
    // Letting go of what was reserved is for what never came to be: it takes away what a container stands on.
    const afterCreation = done.flatMap((kind, index) => (done[index - 1] === 'create' ? [kind] : []));
    expect(afterCreation).not.toContain('release');
    expect(afterCreation.length).toBeGreaterThan(0);
  });
});
