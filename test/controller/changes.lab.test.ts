import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startController, type LabController } from '../lab/controller.ts';
import { createContainer } from '../lab/create.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { listRules } from '../lab/world.ts';

// Each of them works on a sandbox of its own and mostly waits.
vi.setConfig({ maxConcurrency: 20 });

let lab: Lab;
let controller: LabController;

beforeAll(async () => {
  lab = await openLab({ name: 'changes' });
  await lab.incus('image', 'alias', 'create', 'other', await fingerprint());
  controller = await startController(lab);
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

async function fingerprint(): Promise<string> {
  const { target } = JSON.parse(await lab.incus('query', '/1.0/images/aliases/busybox')) as { target: string };
  return target;
}

async function hasRules(uid: string | undefined): Promise<boolean> {
  return uid !== undefined && (await listRules(lab)).includes(uid);
}

/** Changes with every start of a container. */
async function processOf(instance: string): Promise<number> {
  const state = JSON.parse(await lab.incus('query', `/1.0/instances/${instance}/state`)) as { pid: number };
  return state.pid;
}

describe.concurrent('a changed manifest', () => {
  it('is carried out in place where Incus can', async () => {
    await controller.declare('plain');
    const { uid } = await controller.ready('plain', 'running');
    const pid = await processOf('coi-plain');
    await controller.declare(
      'plain',
      'limits.memory.limit = "64MiB"',
      'limits.cpu.count = "1"',
      'network.mode = "open"',
    );
    await controller.when('plain', ({ ready, generation }) => ready && generation === 2);
    expect(await controller.sandbox('plain')).toMatchObject({ uid, network: 'open', state: 'running' });
    expect((await controller.instance('coi-plain')).config).toMatchObject({ 'limits.cpu': '1' });
    expect(await processOf('coi-plain')).toBe(pid);
    await controller.declare('plain');
    await controller.when('plain', ({ ready, generation }) => ready && generation === 3);
    expect((await controller.instance('coi-plain')).config).not.toHaveProperty('limits.cpu');
  });

  it('is held up where it needs a restart that its policy rules out, and restarts where not', async () => {
    const keys = (command: string, allow: string) => [
      `tool.command = ["${command}"]`,
      'restart = "never"',
      `policy.allow = "${allow}"`,
    ];
    await controller.declare('agent', ...keys('true', 'in-place'));
    const { uid } = await controller.ready('agent', 'running');
    const pid = await processOf('coi-agent');
    await controller.declare('agent', ...keys('false', 'in-place'));
    const { conditions } = await controller.condition('agent', 'Stalled(ImmutableChange)');
    expect(conditions.find(({ type }) => type === 'Stalled')?.message).toContain('policy.allow = "restart"');
    expect(await processOf('coi-agent')).toBe(pid);
    await controller.declare('agent', ...keys('false', 'restart'));
    await controller.when('agent', ({ ready, generation }) => ready && generation === 2);
    expect(await processOf('coi-agent')).not.toBe(pid);
    expect(await controller.sandbox('agent')).toMatchObject({ uid, state: 'running' });
  });

  it('makes a new instance only where its policy says so', async () => {
    await controller.declare('imaged');
    const before = await controller.ready('imaged', 'running');
    await controller.declare('imaged', 'image = "other"');
    await controller.condition('imaged', 'Stalled(ImmutableChange)');
    expect(await controller.sandbox('imaged')).toMatchObject({ uid: before.uid, state: 'running' });
    await controller.declare('imaged', 'image = "other"', 'policy.allow = "recreate"');
    const after = await controller.when('imaged', ({ ready, uid }) => ready && uid !== before.uid);
    expect(after).toMatchObject({ state: 'running', generation: 1, image: 'other' });
    expect(await hasRules(after.uid)).toBe(true);
    expect(await hasRules(before.uid)).toBe(false);
    expect((await controller.instances()).has(`coi-del-${before.uid?.toLowerCase()}`)).toBe(false);
  });

  it('moves it between running, frozen and stopped, always behind its rules', async () => {
    await controller.declare('moody');
    const { uid } = await controller.ready('moody', 'running');
    for (const state of ['frozen', 'stopped', 'frozen', 'running', 'stopped', 'running']) {
      await controller.declare('moody', `state = "${state}"`);
      await controller.when('moody', (each) => each.ready && each.state === state && each.desired_state === state);
      const status = (await controller.instances()).get('coi-moody');
      expect(status?.toLowerCase()).toBe(state);
      expect(await hasRules(uid)).toBe(true);
    }
    await controller.declare('moody', 'state = "absent"');
    await until('no rules', async () => !(await hasRules(uid)));
    expect((await controller.instances()).has('coi-moody')).toBe(false);
  });

  it('stops it by force when it does not stop by itself', async () => {
    await controller.declare('stubborn');
    await controller.ready('stubborn', 'running');
    await lab.inside.output(['kill', '-STOP', String(await processOf('coi-stubborn'))]);
    await controller.declare('stubborn', 'state = "stopped"');
    await controller.when('stubborn', ({ state, ready }) => ready && state === 'stopped', { timeoutMs: 60_000 });
    const { stdout } = await controller.coi('events', 'stubborn');
    expect(stdout).not.toContain('stop failed');
  });

  it('can tell when it is to run', async () => {
    // Cron knows no seconds: one minute on is as little as a moment.
    const at = new Date(Date.now() + 120_000);
    const field = (date: Date) =>
      `${date.getUTCMinutes()} ${date.getUTCHours()} ${date.getUTCDate()} ${date.getUTCMonth() + 1} *`;
    const times = `start = "${field(at)}", stop = "${field(new Date(at.getTime() - 120_000))}"`;
    await controller.declare('early', `schedule = { ${times}, timezone = "UTC" }`);
    const { next_look_at: next } = await controller.ready('early', 'stopped');
    expect(Date.parse(next ?? '') - at.getTime()).toBeLessThanOrEqual(0);
    const started = await controller.when('early', ({ ready, state }) => ready && state === 'running', {
      timeoutMs: 125_000,
    });
    // By its own hour, and not by the look that everything gets now and then.
    expect(Date.now() - Math.floor(at.getTime() / 60_000) * 60_000).toBeLessThan(20_000);
    expect(started.ready).toBe(true);
  });
});

describe.concurrent('a lifetime', () => {
  it('ends a sandbox, which is not made again until its manifest changes', async () => {
    await controller.declare('mortal', 'lifetime.ttl = "4s"');
    // Not until it is Ready: on a busy machine its time may be up by then.
    const { uid } = await controller.when('mortal', (each) => each.uid !== undefined);
    await until('its end', async () => !(await controller.instances()).has('coi-mortal'), { timeoutMs: 20_000 });
    await controller.coi('apply');
    await sleep(500);
    expect((await controller.instances()).has('coi-mortal')).toBe(false);
    expect(await controller.sandbox('mortal')).toMatchObject({ state: 'absent', steps: [] });
    await controller.declare('mortal', 'lifetime.ttl = "8h"');
    expect((await controller.ready('mortal', 'running')).uid).not.toBe(uid);
  });
});

describe.concurrent('a dependency', () => {
  it('is waited for, and its dependant follows at once', async () => {
    await controller.declare('front', 'depends_on = ["back"]');
    await controller.declare('back', 'image = "missing"');
    await controller.condition('front', 'Reconciling(WaitingDependency)');
    await controller.condition('back', 'Stalled(ImageMissing)');
    expect((await controller.instances()).has('coi-front')).toBe(false);
    await controller.declare('back');
    await controller.ready('back', 'running');
    // Long before anybody would look again unasked.
    await controller.when('front', ({ steps, ready }) => ready || steps.length > 0, { timeoutMs: 10_000, everyMs: 10 });
    await controller.ready('front', 'running');
  });
});

describe.concurrent('an override', () => {
  it('lets a sandbox go on however often it was held', async () => {
    await controller.declare('often');
    await controller.ready('often');
    for (let time = 0; time < 8; time += 1) {
      await controller.api.freeze({ names: ['often'], by: 'test', reason: 'Again' });
      await controller.when('often', ({ state }) => state === 'frozen');
      await controller.api.resume({ names: ['often'] });
      const { conditions } = await controller.ready('often', 'running');
      expect(conditions.map(({ reason }) => reason)).not.toContain('Blocked');
    }
  });

  it('holds a sandbox frozen until it is resumed', async () => {
    await controller.declare('held');
    await controller.ready('held', 'running');
    expect(await controller.coi('freeze', 'held', '--reason', 'look')).toMatchObject({ exitCode: 0 });
    await controller.when(
      'held',
      ({ ready, state, overrides }) => ready && state === 'frozen' && overrides.length === 1,
    );
    await lab.incus('resume', 'coi-held');
    await until('it to be frozen again', async () => (await controller.instances()).get('coi-held') === 'Frozen');
    await controller.declare('held', 'limits.cpu.count = "1"');
    await controller.when('held', ({ ready, state, generation }) => ready && state === 'frozen' && generation === 2);
    expect(await controller.coi('resume', 'held')).toMatchObject({ exitCode: 0 });
    await controller.ready('held', 'running');
    await controller.declare('held', 'state = "frozen"');
    await controller.ready('held', 'frozen');
    const refused = await controller.coi('resume', 'held');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr + refused.stdout).toContain('state = "frozen"');
  });

  it('leaves a suspended sandbox to people, until told or until its time is over', async () => {
    await controller.declare('manual');
    await controller.ready('manual', 'running');
    await controller.coi('suspend', 'manual', '--reason', 'debugging');
    await controller.condition('manual', 'Suspended');
    await lab.incus('config', 'set', 'coi-manual', 'limits.memory', '32MiB');
    await controller.declare('manual', 'limits.memory.limit = "64MiB"');
    await sleep(1_000);
    expect((await controller.instance('coi-manual')).config['limits.memory']).toBe('32MiB');
    expect(await controller.coi('suspend', 'manual', '--off')).toMatchObject({ exitCode: 0 });
    await controller.when('manual', ({ ready, generation }) => ready && generation === 2);
    expect((await controller.instance('coi-manual')).config['limits.memory']).not.toBe('32MiB');

    await controller.coi('suspend', 'manual', '--reason', 'a moment', '--until', '2s');
    await controller.condition('manual', 'Suspended');
    await controller.declare('manual', 'state = "stopped"');
    await sleep(500);
    expect((await controller.instances()).get('coi-manual')).toBe('Running');
    await controller.ready('manual', 'stopped');
  });
});

describe.concurrent('an instance that coi did not make', () => {
  it('stands in the way until it is adopted, and is kept', async () => {
    const nothing = await controller.coi('adopt', 'old');
    expect(nothing.exitCode).toBe(1);
    await createContainer(lab, {
      name: 'coi-old',
      start: false,
      devices: { root: { type: 'disk', path: '/', pool: 'default' } },
      config: { 'user.mine': 'yes' },
    });
    await lab.incus('file', 'push', join(lab.dir, 'etc/config.toml'), 'coi-old/kept.toml');
    await controller.declare('old');
    const { conditions } = await controller.condition('old', 'Stalled(ForeignOwner)');
    expect(conditions.find(({ type }) => type === 'Stalled')?.message).toContain('coi adopt old');
    expect((await controller.status()).host.unmanaged).toMatchObject([{ name: 'coi-old' }]);
    await lab.incus('start', 'coi-old');
    const running = await controller.coi('adopt', 'old');
    expect(running.exitCode).toBe(1);
    expect(running.stderr + running.stdout).toContain('incus stop coi-old');
    await lab.incus('stop', 'coi-old', '--force');
    expect(await controller.coi('adopt', 'old')).toMatchObject({ exitCode: 0 });
    const { uid, ipv4 } = await controller.ready('old', 'running');
    const { config, devices } = await controller.instance('coi-old');
    expect(config).toMatchObject({ 'user.mine': 'yes', 'security.protection.delete': 'true' });
    expect(devices['eth0']).toMatchObject({ 'ipv4.address': ipv4, 'security.port_isolation': 'true' });
    expect(await hasRules(uid)).toBe(true);
    expect(await lab.incus('exec', 'coi-old', '--', 'cat', '/kept.toml')).toContain('storage_pool');
    expect((await controller.status()).host.unmanaged).toEqual([]);
  });
});
