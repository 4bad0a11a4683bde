import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/audit/read.ts';
import { startController, type Instance, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { isFull } from '../helpers/full.ts';
import { until } from '../lab/until.ts';
import { tablesOf } from '../lab/world.ts';

let lab: Lab;
let controller: LabController;

/** 96 MiB, as the view has them. */
const bytes = expect.stringMatching(/^(?:96MiB|100663296)$/);

beforeAll(async () => {
  lab = await openLab({ name: 'snapshots', images: ['busybox'] });
  controller = await startController(lab);
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** What is configured, without what Incus notes for itself, and without what a start or a restore changes. */
function declaredOf({ config, devices }: Instance) {
  const own = Object.entries(config).filter(
    ([key]) => !/^(?:volatile\.|user\.coi\.(?:era|started|generation)$)/.test(key),
  );
  return { config: Object.fromEntries(own), devices };
}

async function uidOf(name: string): Promise<string | undefined> {
  return (await controller.sandbox(name))?.uid;
}

function inside(name: string, ...argv: string[]): Promise<string> {
  return lab.incus('exec', `coi-${name}`, '--', ...argv);
}

/** Restores as a person with Incus' own command does. */
function restoreByHand(name: string, snapshot: string): Promise<string> {
  return lab.incus('snapshot', 'restore', `coi-${name}`, snapshot);
}

/** Waits until the stamp speaks of the last restore, and everything is as declared. */
async function settled(name: string, state = 'running'): Promise<Instance> {
  await until(`coi-${name} to be stamped anew`, async () => {
    const { config } = await controller.instance(`coi-${name}`);
    return config['user.coi.era'] === config['volatile.uuid.generation'];
  });
  await controller.ready(name, state);
  return controller.instance(`coi-${name}`);
}

describe('a sandbox that somebody restores by hand', () => {
  const before = ['network.mode = "open"', 'limits.memory.limit = "64MiB"', 'limits.disk.tmpfs_size = "8MiB"'];
  const after = ['network.mode = "none"', 'limits.memory.limit = "96MiB"', 'limits.disk.tmpfs_size = "16MiB"'];
  let uid: string | undefined;
  let declared: ReturnType<typeof declaredOf>;
  let rules: string[];

  beforeAll(async () => {
    await controller.declare('hand', ...before);
    await controller.ready('hand', 'running');
    await inside('hand', 'sh', '-c', 'echo old >/root/file');
    // What was about to be done at that time must not be done now.
    await lab.incus('config', 'set', 'coi-hand', `user.coi.intent={"kind":"create","at":1}`);
    await lab.incus('snapshot', 'create', 'coi-hand', 'old');
    await controller.declare('hand', ...after, 'policy.allow = "restart"', 'policy.drift = "observe"');
    await controller.when('hand', ({ ready, generation }) => ready && (generation ?? 0) > 1);
    await controller.declare('hand', ...after, 'policy.drift = "observe"');
    await controller.when('hand', ({ ready, generation }) => ready && (generation ?? 0) > 2);
    await inside('hand', 'sh', '-c', 'echo new >/root/file');
    uid = await uidOf('hand');
    declared = declaredOf(await controller.instance('coi-hand'));
    rules = await tablesOf(lab);
  });

  it('is as declared now, with its files of then, and is no other one', async () => {
    await restoreByHand('hand', 'old');
    const now = await settled('hand');
    expect(declaredOf(now)).toEqual(declared);
    expect(now.config).toMatchObject({ 'limits.memory': bytes, 'raw.lxc': expect.stringContaining('16777216') });
    expect(now.config).not.toHaveProperty(['user.coi.intent']);
    expect(await tablesOf(lab)).toEqual(rules);
    expect(await uidOf('hand')).toBe(uid);
    expect((await inside('hand', 'cat', '/root/file')).trim()).toBe('old');
    // It runs with what is declared now, too.
    expect(await inside('hand', 'sh', '-c', 'mount | grep " /tmp "')).toContain('size=16384k');
  });

  it('is so as well where nobody looks meanwhile, and after a crash', async () => {
    await inside('hand', 'sh', '-c', 'echo new >/root/file');
    await controller.stop('SIGKILL');
    await restoreByHand('hand', 'old');
    await controller.start();
    const now = await settled('hand');
    expect(declaredOf(now)).toEqual(declared);
    expect(await tablesOf(lab)).toEqual(rules);
    expect(await uidOf('hand')).toBe(uid);
    expect((await inside('hand', 'cat', '/root/file')).trim()).toBe('old');
  });

  it('reaches nothing while nobody knows what is declared', async () => {
    await controller.stop('SIGKILL');
    await restoreByHand('hand', 'old');
    await controller.write('hand.toml', 'apiVersion = "coi/v1"\n[sandbox.hand');
    await controller.start();
    await until('its stamp to speak of now', async () => {
      const { config } = await controller.instance('coi-hand');
      return config['user.coi.era'] === config['volatile.uuid.generation'];
    });
    const policy = await controller.api.policy({ name: 'hand' });
    expect(JSON.stringify(policy)).toContain('none');
    expect(await uidOf('hand')).toBe(uid);
    await controller.declare('hand', ...after, 'policy.drift = "observe"');
    expect(declaredOf(await settled('hand'))).toEqual(declared);
  });

  it('stays stopped where it is, and leaves nothing when it is deleted', async () => {
    await controller.declare('hand', ...after, 'state = "stopped"');
    await controller.ready('hand', 'stopped');
    await restoreByHand('hand', 'old');
    const now = await settled('hand', 'stopped');
    expect(now.config).toMatchObject({ 'volatile.last_state.power': 'STOPPED', 'limits.memory': bytes });
    await sleep(1_000);
    expect(await controller.ready('hand', 'stopped')).toMatchObject({ uid });
    await controller.remove('hand.toml');
    await controller.gone('hand');
    const left = await lab.run([
      'sh',
      '-c',
      `find ${lab.incusDir}/storage-pools/default/containers-snapshots -mindepth 1`,
    ]);
    expect(left.stdout).toBe('');
  });
});

describe('coi snapshot restore', () => {
  it('changes files only: what is declared holds, and its rules', async () => {
    const keys = ['state = "stopped"', 'network.mode = "none"', 'limits.memory.limit = "96MiB"'];
    await controller.declare('own', 'network.mode = "open"', 'limits.memory.limit = "64MiB"');
    await controller.ready('own', 'running');
    await inside('own', 'sh', '-c', 'echo old >/root/file');
    expect(await controller.coi('snapshot', 'create', 'old', '-c', 'own')).toMatchObject({ exitCode: 0 });
    await inside('own', 'sh', '-c', 'echo new >/root/file');
    await controller.declare('own', ...keys);
    await controller.when('own', ({ ready, state, generation }) => ready && state === 'stopped' && generation === 2);
    const before = await controller.instance('coi-own');
    const rules = await tablesOf(lab);
    expect(await controller.coi('snapshot', 'restore', 'old', '-c', 'own', '-f')).toMatchObject({ exitCode: 0 });
    const after = await controller.instance('coi-own');
    expect(declaredOf(after)).toEqual(declaredOf(before));
    // All of it in one write: the stamp, too, and the power that Incus remembers.
    expect(after.config).toMatchObject({
      'user.coi.generation': '2',
      'user.coi.era': after.config['volatile.uuid.generation'],
      'volatile.last_state.power': 'STOPPED',
    });
    expect(await tablesOf(lab)).toEqual(rules);
    const { stdout } = await controller.coi('events', 'own', '--format', 'json');
    expect(stdout).not.toContain('"restamp"');
    await controller.declare('own', ...keys.slice(1));
    await controller.ready('own', 'running');
    expect((await inside('own', 'cat', '/root/file')).trim()).toBe('old');
  });

  it('is not started by anybody meanwhile, nor deleted by Incus', async () => {
    await controller.declare('own', 'state = "stopped"', 'network.mode = "none"', 'limits.memory.limit = "96MiB"');
    await controller.ready('own', 'stopped');
    const dir = join(lab.stateDir, 'audit');
    const [last] = await readAudit({ dir, limit: 1 });
    const hasBegun = async () =>
      (await readAudit({ dir, afterSeq: last?.seq ?? 0 })).some(({ kind }) => kind === 'snapshot-restore');
    const restoring = controller.api.restoreSnapshot({ name: 'own', snapshot: 'old', by: 'test' });
    await until('the restore to begin', hasBegun, { everyMs: 1 });
    await controller.declare('own', 'network.mode = "none"', 'limits.memory.limit = "96MiB"');
    await restoring;
    await controller.ready('own', 'running');
    const { config } = await controller.instance('coi-own');
    expect(config).toMatchObject({ 'security.protection.delete': 'true', 'limits.memory': bytes });
    const kindsNow = async () => {
      const { stdout } = await controller.coi('events', 'own', '--format', 'json');
      return stdout.split('\n').map((line) => {
        const { kind, phase } = JSON.parse(line) as Record<string, string>;
        return `${kind} ${phase}`;
      });
    };
    // It runs before it is written down that it was started.
    const isWritten = async () => {
      const now = await kindsNow();
      return now.lastIndexOf('start succeeded') > now.lastIndexOf('snapshot-restore succeeded');
    };
    await until('its start to be written down', isWritten);
    const kinds = await kindsNow();
    const [began, ended] = [
      kinds.lastIndexOf('snapshot-restore started'),
      kinds.lastIndexOf('snapshot-restore succeeded'),
    ];
    expect(began).toBeGreaterThan(-1);
    expect(kinds.slice(began + 1, ended)).toEqual([]);
    expect(kinds.slice(ended)).toContain('start succeeded');
  });
});

describe('snapshots by a schedule', () => {
  const all = 'snapshots = { schedule = "* * * * *", expiry = "1d12h", stopped = true }';

  it('are in the hands of Incus, change in place, and go with their lines', async () => {
    await controller.declare('timed', all);
    const { uid, ipv4 } = await controller.ready('timed', 'running');
    const { config } = await controller.instance('coi-timed');
    expect(config).toMatchObject({
      'snapshots.schedule': '* * * * *',
      'snapshots.schedule.stopped': 'true',
      'snapshots.expiry': '1d 12H',
    });
    await controller.declare('timed', 'snapshots = { schedule = "@daily" }');
    await controller.when('timed', ({ ready, generation }) => ready && generation === 2);
    const next = (await controller.instance('coi-timed')).config;
    expect(next).toMatchObject({ 'snapshots.schedule': '@daily' });
    for (const key of ['snapshots.expiry', 'snapshots.schedule.stopped']) expect(next).not.toHaveProperty([key]);
    await lab.incus('config', 'set', 'coi-timed', 'snapshots.schedule=@hourly');
    await until('drift to be put right', async () => {
      return (await controller.instance('coi-timed')).config['snapshots.schedule'] === '@daily';
    });
    await controller.declare('timed');
    await controller.when('timed', ({ ready, generation }) => ready && generation === 3);
    const last = Object.keys((await controller.instance('coi-timed')).config);
    expect(last.filter((key) => key.startsWith('snapshots.'))).toEqual([]);
    expect(await controller.ready('timed', 'running')).toMatchObject({ uid, ipv4 });
  });

  it('are at times that Incus knows, too', async () => {
    const times = [
      '*/5 * * * *',
      '0 3 * * mon-fri',
      '15,45 8-18/2 1 jan,jul *',
      '0 0 29 2 0',
      '  30   2 * * *  ',
      '@yearly',
    ];
    for (const [index, time] of times.entries())
      await controller.declare(`time-${index}`, 'state = "stopped"', `snapshots = { schedule = "${time}" }`);
    for (const [index, time] of times.entries()) {
      await controller.ready(`time-${index}`, 'stopped');
      const { config } = await controller.instance(`coi-time-${index}`);
      expect(config['snapshots.schedule']).toBe(time.trim().replaceAll(/ +/g, ' '));
      await controller.declare(`time-${index}`, 'state = "absent"');
    }
  });

  // It has to be waited for: whole runs only.
  it.each(isFull ? ['timed'] : [])('are made by it each minute, expire, and are listed: of %s', async () => {
    await controller.declare('timed', all);
    const found = await until(
      'a snapshot',
      async () => {
        const { stdout } = await controller.coi('snapshot', 'list', '-c', 'timed', '--format', 'json');
        const { snapshots } = JSON.parse(stdout) as {
          snapshots: { name: string; created_at: string; expires_at: string }[];
        };
        return snapshots[0];
      },
      { timeoutMs: 150_000, everyMs: 2_000 },
    );
    expect(found.name).toMatch(/^auto-\d{8}-\d{6}$/);
    expect(Date.parse(found.expires_at) - Date.parse(found.created_at)).toBeGreaterThan(35.9 * 3_600_000);
    // One that somebody makes stays.
    await controller.coi('snapshot', 'create', 'mine', '-c', 'timed');
    const { stdout } = await controller.coi('snapshot', 'info', 'mine', '-c', 'timed', '--format', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ snapshot: { name: 'mine' } });
    expect(stdout).not.toContain('expires_at');
    await controller.remove('timed.toml');
    await controller.gone('timed');
  });
});
