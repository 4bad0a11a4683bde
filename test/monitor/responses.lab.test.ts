import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freezeGroup, isGroupFrozen } from '../../src/host/cgroup/freezer.ts';
import { processAt } from '../../src/host/process/container-process.ts';
import type { LabController } from '../lab/controller.ts';
import { until } from '../lab/until.ts';
import { listRules } from '../lab/world.ts';
import { devId, homeIn, openDesk, type Desk } from '../session/desk.ts';

const watching = new URL('watching-controller.ts', import.meta.url).pathname;

let desk: Desk;
let controller: LabController;

beforeAll(async () => {
  desk = await openDesk('responses', ['busybox', 'system'], { program: watching, monitoring: true });
  ({ controller } = desk);
});
afterAll(() => desk?.[Symbol.asyncDispose]());

/** A line about a detection, in the controller's log. */
interface Line {
  readonly sandbox: string;
  readonly rule: string;
  readonly outcome: string;
  readonly count?: number;
}

/** What became of detections in a sandbox, since the controller's start. */
function outcomes(sandbox: string): string[] {
  return controller.log
    .split('\n')
    .filter((line) => line.includes('"Detected"'))
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.sandbox === sandbox)
    .map(({ rule, outcome }) => `${rule} ${outcome}`);
}

const noted = (sandbox: string, wanted: string, times = 1) =>
  until(`${sandbox}: ${wanted}`, () => outcomes(sandbox).filter((each) => each === wanted).length >= times, {
    timeoutMs: 20_000,
  });

/** Starts a program inside that goes on and writes to `/count` for as long as it may. */
async function attack(name: string, program: string, instance = `coi-${name}`, afterS = 0): Promise<void> {
  const script = `#!/bin/sh\\nwhile :; do echo x >> /tmp/count; done\\n`;
  const make = `printf '${script}' > /tmp/${program}; chmod 755 /tmp/${program}`;
  const start = `${make}; setsid sh -c 'sleep ${afterS}; exec /tmp/${program}' >/dev/null 2>&1 </dev/null &`;
  await desk.lab.incus('exec', instance, '--', 'sh', '-c', start);
}

async function initOf(instance: string): Promise<number> {
  return (JSON.parse(await desk.lab.incus('query', `/1.0/instances/${instance}/state`)) as { pid: number }).pid;
}

async function countOf(pid: number): Promise<number> {
  return (await readFile(`/proc/${pid}/root/tmp/count`)).length;
}

async function isCounting(pid: number): Promise<boolean> {
  const before = await countOf(pid);
  await sleep(200);
  return (await countOf(pid)) > before;
}

async function declare(name: string, ...keys: string[]): Promise<number> {
  await controller.declare(name, ...keys);
  await controller.ready(name, 'running');
  return initOf(`coi-${name}`);
}

const overridesDir = () => join(desk.lab.stateDir, 'desired/overrides');

describe('a high detection', () => {
  it('freezes until it is lifted, and freezes again', async () => {
    const pid = await declare('one');
    await attack('one', 'attack-high');
    await noted('one', 'test.high paused');
    expect(await isCounting(pid), 'counting').toBe(false);
    const held = await controller.condition('one', 'Quarantined(Security)');
    await controller.when('one', ({ state }) => state === 'frozen');
    const message = held.conditions.find(({ type }) => type === 'Quarantined')?.message;
    for (const text of ['By monitor: test.high: A test', 'coi resume one', 'coi monitor audit one']) {
      expect(message, 'condition').toContain(text);
    }
    expect((await controller.coi('why', 'one')).stdout, 'why').toContain('test.high');

    expect((await controller.coi('resume', 'one')).exitCode, 'resume').toBe(0);
    await controller.ready('one', 'running');
    expect(await isCounting(pid), 'counting again').toBe(true);
    await attack('one', 'attack-high-2');
    await noted('one', 'test.high paused', 2);
    expect(await isCounting(pid), 'counting').toBe(false);
  });

  it('is in force after the controller was killed and the instance started again', async () => {
    const pid = await declare('two');
    await attack('two', 'attack-high');
    await noted('two', 'test.high paused');
    await controller.stop('SIGKILL');
    expect(await isCounting(pid), 'counting without a controller').toBe(false);
    await controller.start();
    await controller.when('two', ({ state }) => state === 'frozen');
    expect(await isCounting(pid), 'counting').toBe(false);
    await desk.lab.incus('stop', '--force', 'coi-two');
    await desk.lab.incus('start', 'coi-two');
    await controller.when('two', ({ state }) => state === 'frozen');
    expect((await controller.sandbox('two'))?.conditions, 'conditions').toContainEqual(
      expect.objectContaining({ type: 'Quarantined', status: 'True' }),
    );
  });

  it('is in force although the controller was killed before it could write that down', async () => {
    const pid = await declare('torn');
    await controller.stop('SIGKILL');
    freezeGroup(processAt(pid)!);
    await controller.start();
    const held = await controller.condition('torn', 'Quarantined(Security)');
    const message = held.conditions.find(({ type }) => type === 'Quarantined')?.message;
    expect(message, 'why').toContain('nothing said why');
    await controller.when('torn', ({ state }) => state === 'frozen');
    expect((await controller.coi('resume', 'torn')).exitCode, 'resume').toBe(0);
    await controller.ready('torn', 'running');
    await until('it to go on', () => !isGroupFrozen(processAt(pid)!));
  });

  it('is in force while Incus does not answer', async () => {
    const pid = await declare('still');
    const { environment } = JSON.parse(await desk.lab.incus('query', '/1.0')) as {
      environment: { server_pid: number };
    };
    const server = environment.server_pid;
    await attack('still', 'attack-high', 'coi-still', 3);
    process.kill(server, 'SIGSTOP');
    try {
      await noted('still', 'test.high paused');
      expect(await isCounting(pid), 'counting').toBe(false);
    } finally {
      process.kill(server, 'SIGCONT');
    }
    await controller.when('still', ({ state }) => state === 'frozen');
  });

  it('is stopped without going on, whoever asks', async () => {
    const pid = await declare('three');
    await attack('three', 'attack-high');
    await noted('three', 'test.high paused');
    const count = await countOf(pid);
    await controller.declare('three', 'state = "stopped"');
    await controller.when('three', ({ state }) => state === 'stopped');
    const left = await desk.lab.incus('file', 'pull', 'coi-three/tmp/count', '-');
    expect(left.trimEnd().length + 1, 'written while it stopped').toBe(count);
  });

  it('freezes though its override cannot be written, and is written as soon as that works', async () => {
    const pid = await declare('four');
    const before = await readdir(overridesDir()).catch(() => []);
    await desk.lab.inside.output(['mkdir', '-p', overridesDir()]);
    await desk.lab.inside.output(['mount', '--bind', '-o', 'ro', overridesDir(), overridesDir()]);
    await attack('four', 'attack-high');
    await noted('four', 'test.high paused');
    expect(await isCounting(pid), 'counting').toBe(false);
    await controller.when('four', ({ state }) => state === 'frozen');
    expect(await readdir(overridesDir()), 'written').toEqual(before);
    await desk.lab.inside.output(['umount', overridesDir()]);
    await until('the override', async () => (await readdir(overridesDir())).includes('four.quarantine.toml'));
    expect((await controller.sandbox('four'))?.state, 'state').toBe('frozen');
  });

  it('only tells somebody where freezing is off, once for what goes on', async () => {
    const pid = await declare('five', 'monitoring = { auto_pause_on_high = false, auto_kill_on_critical = false }');
    await attack('five', 'attack-high');
    await attack('five', 'attack-high-2');
    await attack('five', 'attack-critical');
    await noted('five', 'test.critical alerted');
    expect(outcomes('five'), 'outcomes').toEqual(['test.high alerted', 'test.critical alerted']);
    expect(await isCounting(pid), 'counting').toBe(true);
    expect((await controller.sandbox('five'))?.state, 'state').toBe('running');
  });

  it('cuts off the network where its rule says so', async () => {
    const pid = await declare('six', 'network.mode = "open"');
    const rules = async () => (await listRules(desk.lab)).split('\n').filter((line) => line.includes('goto open'));
    const before = (await rules()).length;
    await attack('six', 'attack-high-n');
    await noted('six', 'test.high isolated');
    await until('its rules', async () => (await rules()).length < before);
    expect(await isCounting(pid), 'counting').toBe(true);
  });

  it('is not looked for where monitoring is off', async () => {
    const pid = await declare('seven', 'monitoring.enabled = false');
    await attack('seven', 'attack-high');
    await until('counting', () => isCounting(pid));
    expect(outcomes('seven'), 'outcomes').toEqual([]);
  });
});

describe('a critical detection', () => {
  it('ends what is declared, which stays stopped', async () => {
    await declare('eight');
    await attack('eight', 'attack-critical');
    await noted('eight', 'test.critical killed');
    await controller.when('eight', ({ state }) => state === 'stopped');
    await controller.restart('SIGKILL');
    await desk.lab.incus('start', 'coi-eight');
    await controller.when('eight', ({ state }) => state === 'stopped');
    expect((await controller.coi('resume', 'eight')).exitCode, 'resume').toBe(0);
    await controller.ready('eight', 'running');
  });

  it('leaves alone what nothing critical was seen in', async () => {
    await declare('nine');
    await attack('nine', 'attack-high');
    await noted('nine', 'test.high paused');
    expect(outcomes('nine'), 'outcomes').toEqual(['test.high paused']);
  });

  it('ends a session, which is saved first and leaves no rules', async () => {
    const here = await desk.workspace('project');
    const instance = desk.instance(here);
    const env = { SUDO_UID: String(devId), SUDO_USER: 'dev', COI_USE_DUMMY: '1' };
    await desk.lab.inside.output(['chown', '-hR', `${devId}:${devId}`, homeIn(desk.lab, 'dev')]);
    const started = await desk.coi(here, ['shell', '--background', '--image', 'system'], { env });
    expect(started).toMatchObject({ exitCode: 0 });
    const [, id = ''] = /Starting session (\S+)/.exec(started.stderr) ?? [];
    const talk = '.claude/projects/-workspace/talk.jsonl';
    const write = `mkdir -p .claude/projects/-workspace; echo talk >${talk}`;
    await desk.lab.incus('exec', instance, '--', 'su', '--login', 'code', '--command', write);
    const name = instance.replace(/^coi-/, '');
    const { uid = '' } = await controller.ready(name, 'running');
    await attack(name, 'attack-critical', instance);
    await noted(name, 'test.critical killed');
    await until('it to be gone', async () => !(await controller.instances()).has(instance), { timeoutMs: 90_000 });
    await until(
      'its deletion',
      async () => [...(await controller.instances()).keys()].every((each) => !each.startsWith('coi-del-')),
      { timeoutMs: 90_000 },
    );
    expect(await readFile(join(homeIn(desk.lab, 'dev'), '.coi/sessions-claude', id, talk), 'utf8'), 'saved').toBe(
      'talk\n',
    );
    await until('its rules to go', async () => !(await listRules(desk.lab)).includes(uid));
    expect(
      (await readdir(overridesDir())).filter((each) => each.startsWith(name)),
      'overrides',
    ).toEqual([]);
  });
});
