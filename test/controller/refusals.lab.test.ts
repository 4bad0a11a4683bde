import { chmod, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controllerArgv, labEnvironment, startController, type LabController } from '../lab/controller.ts';
import { createContainer } from '../lab/create.ts';
import type { RunResult } from '../lab/inside.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { mainProgram } from '../program.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await openLab({ name: 'refusals' });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/**
 * What a failed command says: one line of what is so, one of what to do.
 *
 * @throws when it says less or more, or anything of how the program is made
 */
function oneError({ stdout, stderr, exitCode }: RunResult): string {
  const lines = stderr.split('\n').filter((line) => !line.startsWith('{"level":30'));
  if (exitCode === 1 && stdout === '' && lines.length === 2 && lines[0]?.startsWith('coi: ')) return lines.join('\n');
  throw new Error(`Not one error: exit code ${exitCode}\n${stdout}\n${stderr}`);
}

/** Runs `coi controller` where it cannot run. */
async function refused(init: { settings?: string; env?: Record<string, string>; as?: readonly string[] } = {}) {
  const { settings, env = {}, as = [] } = init;
  const environment = await labEnvironment(lab, { env, ...(settings !== undefined && { settings }) });
  const argv = await controllerArgv(lab);
  return lab.run([...as, ...argv], { env: environment, timeoutMs: 20_000 });
}

/** A directory of all programs but one, to stand as the PATH. */
async function pathWithout(program: string): Promise<string> {
  const dir = join(lab.dir, `without-${program}`);
  await mkdir(dir);
  for (const folder of ['/usr/sbin', '/usr/bin']) {
    for (const name of await readdir(folder)) {
      // The first one of a name wins, as on a PATH.
      if (name !== program) await symlink(join(folder, name), join(dir, name)).catch(() => undefined);
    }
  }
  return dir;
}

describe('a host that cannot run a controller', () => {
  it('has no such bridge', async () => {
    const settings = '[incus]\nstorage_pool = "default"\n[controller]\nbridge = "nowhere0"\n';
    expect(oneError(await refused({ settings }))).toMatch(/no Incus network "nowhere0".*\n.*quickstart.*bridge = /);
  });

  it('has a bridge without an IPv4 address', async () => {
    await lab.incus('network', 'create', 'sixbr0', 'ipv4.address=none', 'ipv6.address=fd42:91::1/64');
    const settings = '[incus]\nstorage_pool = "default"\n[controller]\nbridge = "sixbr0"\n';
    expect(oneError(await refused({ settings }))).toMatch(
      /"sixbr0" is not a bridge with an IPv4 address.*\n.*quickstart.*bridge = /,
    );
  });

  it('has no such storage pool', async () => {
    const settings = '[incus]\nstorage_pool = "nowhere"\n';
    expect(oneError(await refused({ settings }))).toMatch(/no storage pool "nowhere".* default.*\n.*storage_pool = /);
  });

  it('has no nft', async () => {
    const env = { PATH: await pathWithout('nft') };
    expect(oneError(await refused({ env }))).toMatch(/nft.*\n.*install/i);
  });

  it('has settings that cannot be read', async () => {
    const result = await refused({ settings: '[incus]\nstorage_pool = \n' });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/^coi: .*config\.toml:2/);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  it('is not root', async () => {
    expect(oneError(await refused({ as: asNobody, env: { HOME: '/nonexistent' } }))).toMatch(
      /Only root can run the controller.*\n.*sudo/,
    );
  });

  it('has a controller already, which is named', async () => {
    await using controller = await startController(lab);
    const second = await refused();
    expect(oneError(second)).toMatch(new RegExp(`\\b${controller.pid}\\b.*\\n.*`));
    expect(controller.alive).toBe(true);
    await controller.answers();
  });
});

it('a controller waits for an incusd that is not there yet', async () => {
  await lab.stopIncusd();
  const env = await labEnvironment(lab);
  const running = lab.spawn(await controllerArgv(lab), { env });
  await running.printed(/Waiting for Incus/);
  await sleep(2_500);
  expect(running.alive).toBe(true);
  expect(running.output.match(/Waiting for Incus/g)).toHaveLength(1);
  expect(running.output).not.toMatch(/\n\s+at /);
  await lab.startIncusd();
  await running.printed(/Controller runs/);
  await running.stop();
});

describe('one sandbox that cannot be as declared', () => {
  let controller: LabController;
  let uid: string | undefined;

  beforeAll(async () => {
    controller = await startController(lab);
    await controller.declare('fine');
    ({ uid } = await controller.ready('fine', 'running'));
  });
  afterAll(async () => {
    await controller?.[Symbol.asyncDispose]();
  });

  /** The others go on as if nothing was wrong. */
  async function expectOthersFine(): Promise<void> {
    expect(await controller.sandbox('fine')).toMatchObject({ uid, ready: true, state: 'running' });
    expect((await controller.instances()).get('coi-fine')).toBe('Running');
  }

  async function whyStalled(name: string, reason: string): Promise<string> {
    const { conditions, failure } = await controller.condition(name, `Stalled(${reason})`);
    expect(failure).toBeUndefined();
    await expectOthersFine();
    const why = await controller.coi('why', name);
    expect(why.exitCode).not.toBe(2);
    expect(why.stdout + why.stderr).not.toMatch(/\n\s+at /);
    return conditions.find(({ type }) => type === 'Stalled')?.message ?? '';
  }

  it('has no image, until it has', async () => {
    await controller.declare('imageless', 'image = "nothing"');
    expect(await whyStalled('imageless', 'ImageMissing')).toMatch(/"nothing".*incus image list/s);
    const { target } = JSON.parse(await lab.incus('query', '/1.0/images/aliases/busybox')) as { target: string };
    await lab.incus('image', 'alias', 'create', 'nothing', target);
    await controller.ready('imageless', 'running');
  });

  it('has no workspace, until it has', async () => {
    const path = join(lab.dir, 'absent');
    await controller.declare('homeless', `workspace = "${path}"`);
    expect(await whyStalled('homeless', 'InvalidWorkspace')).toMatch(/does not exist.*mkdir -p/s);
    expect((await controller.instances()).has('coi-homeless')).toBe(false);
    await mkdir(path);
    await controller.coi('apply');
    await controller.ready('homeless', 'running');
  });

  it('has a workspace that others could put elsewhere, or write to', async () => {
    const [real, link, open] = ['real', 'link', 'open'].map((name) => join(lab.dir, name)) as [string, string, string];
    await mkdir(real);
    await symlink(real, link);
    await controller.declare('linked', `workspace = "${link}"`);
    expect(await whyStalled('linked', 'InvalidWorkspace')).toMatch(new RegExp(`symbolic link.*${real}`, 's'));
    await mkdir(open);
    await chmod(open, 0o777);
    await controller.declare('shared', `workspace = "${open}"`);
    expect(await whyStalled('shared', 'InvalidWorkspace')).toMatch(/every user.*chmod o-w/s);
    const instances = await controller.instances();
    expect([instances.has('coi-linked'), instances.has('coi-shared')]).toEqual([false, false]);
  });

  it('cannot start: it is tried ever less often, and what Incus says of it can be read', async () => {
    await lab.incus('init', 'busybox', 'hollow');
    await lab.incus('file', 'delete', 'hollow/sbin/init');
    await lab.incus('publish', 'hollow', '--alias', 'hollow', '--compression', 'none');
    await lab.incus('delete', 'hollow');
    // What else goes on must not hurry it: each of these has the rules put right, which everything waits for.
    const meddle = 'while sleep 0.2; do nft add rule inet coi restricted counter; done';
    const rival = lab.spawn(['sh', '-c', meddle]);
    await controller.declare('dead', 'image = "hollow"');
    const failures = () =>
      controller.log.match(/"time":\d+,"sandbox":"dead","step":"create".*"msg":"Step failed"/g) ?? [];
    const tried = await until('five tries', () => Promise.resolve(failures().length >= 5 && failures()), {
      timeoutMs: 120_000,
    });
    await rival.stop();
    const at = tried.map((line) => Number(/"time":(\d+)/.exec(line)?.[1]));
    // Each wait is twice as long as the one before, from a quarter of a second on; the fifth try comes after two.
    expect(at[4]! - at[3]! - (at[1]! - at[0]!)).toBeGreaterThan(1_000);
    const why = await controller.coi('why', 'dead');
    expect(why.stdout).toMatch(/Cannot create instance "coi-dead"[^]*incus info INSTANCE --show-log/);
    await expectOthersFine();
    await controller.declare('dead', 'image = "hollow"', 'state = "absent"');
    await until('its end', async () => !(await controller.instances()).has('coi-dead'));
  });

  it('has a name that is none, in a file that is pointed at', async () => {
    await controller.write('typos.toml', 'apiVersion = "coi/v1"\n[sandbox.Bad_Name]\n[sandbox.t]\nimagee = "x"\n');
    const { problems } = await until('the problems', async () => {
      const source = (await controller.status()).sources.find(({ path }) => path === controller.dir());
      return source?.problems.length === 2 && source;
    });
    expect(problems).toMatchObject([{ line: 2 }, { line: 4, message: expect.stringContaining('imagee') as string }]);
    expect(problems[1]?.hint).toContain('image');
    await expectOthersFine();
    await controller.remove('typos.toml');
  });

  it('is asked for by somebody who may not', async () => {
    const answer = await lab.run([...asNobody, process.execPath, mainProgram, 'status'], {
      env: { ...controller.env, HOME: '/nonexistent' },
    });
    expect(oneError(answer)).toMatch(/may not use the controller's socket.*\n.*usermod -aG incus-admin/);
  });

  it('can wait while incusd is away, and nothing is lost', async () => {
    await lab.stopIncusd();
    await until('the report', async () => (await controller.status()).host.incus === 'down');
    await controller.declare('later');
    const listed = await controller.coi('list');
    expect(listed.stdout).toContain('coi-fine');
    expect(listed.stderr).not.toMatch(/\n\s+at /);
    const { failure } = await controller.when('later', (each) => each.failure !== undefined);
    expect(failure?.hint).toBeTruthy();
    expect(controller.alive).toBe(true);
    await lab.startIncusd();
    await controller.ready('later', 'running');
    await expectOthersFine();
    expect((await controller.status()).host.incus).toBe('up');
    expect(controller.log).not.toMatch(/\n\s+at |A defect of coi/);
  });
});

it('a full storage pool holds up what is new and nothing else', async () => {
  await lab.incus('storage', 'create', 'tiny', 'btrfs', 'size=128MiB');
  await createContainer(lab, { name: 'greedy', devices: { root: { type: 'disk', path: '/', pool: 'tiny' } } });
  const settings = '[incus]\nstorage_pool = "tiny"\n';
  await using controller = await startController(lab, { settings, sources: ['small'] });
  await controller.declare('early');
  const { uid } = await controller.ready('early', 'running');
  await lab.run([
    'incus',
    'exec',
    'greedy',
    '--',
    'sh',
    '-c',
    'cat /dev/urandom >/full; cat /dev/urandom >/fuller; sync',
  ]);
  await controller.declare('late');
  const { failure } = await controller.when('late', (each) => each.failure !== undefined);
  expect(failure).toMatchObject({ hint: expect.stringContaining('storage') as string });
  expect(await controller.sandbox('early')).toMatchObject({ uid, ready: true, state: 'running' });
  expect(controller.log).not.toMatch(/\n\s+at |A defect of coi/);
  await lab.incus('exec', 'greedy', '--', 'rm', '/full', '/fuller');
  await controller.coi('apply');
  await controller.ready('late', 'running');
});

it('the guard has an exit code of its own', async () => {
  await using controller = await startController(lab, { sources: ['guarded'] });
  const names = ['g1', 'g2', 'g3', 'g4'];
  for (const name of names) await controller.declare(name, 'state = "stopped"');
  await Promise.all(names.map((name) => controller.ready(name, 'stopped')));
  for (const name of names) await controller.remove(`${name}.toml`);
  for (const name of names) await controller.condition(name, 'Pruning=False(Guarded)');
  const held = await controller.coi('apply');
  expect(held.exitCode).toBe(4);
  expect(held.stderr).toContain('coi apply --confirm-deletes 4');
  await controller.coi('apply', '--confirm-deletes', '4');
  await Promise.all(names.map((name) => controller.gone(name)));
});
