import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostReport, PlanReport, StatusReport } from '../../src/controller/control-api.ts';
import { manifest, startController, type LabController } from '../lab/controller.ts';
import type { RunResult } from '../lab/inside.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { worldOf } from '../lab/world.ts';
import { mainProgram } from '../program.ts';

let lab: Lab;
let controller: LabController;
const nobody = ['setpriv', '--reuid=65534', '--regid=65534'];

/** A controller was here, made two sandboxes, and is gone: one was changed by hand since, a third one declared. */
beforeAll(async () => {
  lab = await openLab({ name: 'noroot' });
  const settings = `[incus]\nstorage_pool = "default"\n[controller]\nsources = ["${join(lab.dir, 'desired')}"]\n`;
  controller = await startController(lab, { settings });
  await chmod(lab.dir, 0o755);
  await controller.declare('fine');
  await controller.declare('slow', 'limits = { cpu = { count = "1" } }');
  await controller.api.store({
    uid: 1000,
    files: [{ file: 'typed.toml', text: manifest('typed', 'state = "stopped"') }],
  });
  await Promise.all([controller.ready('fine'), controller.ready('slow'), controller.ready('typed')]);
  await controller.stop();
  await lab.incus('config', 'set', 'coi-slow', 'limits.cpu=2');
  await controller.declare('late');
  await lab.inside.output(['nft', 'flush', 'ruleset']);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** The real command as somebody who is not root. */
function as(groups: string, ...argv: string[]): Promise<RunResult> {
  const env = { ...controller.env, HOME: '/nonexistent', NODE_DISABLE_COMPILE_CACHE: '1' };
  return lab.run([...nobody, groups, process.execPath, mainProgram, ...argv], { env });
}
const member = (...argv: string[]) => as('--groups=incus-admin', ...argv);
const stranger = (...argv: string[]) => as('--clear-groups', ...argv);

const line = /^coi: No controller runs and you are not root: network rules, block policies and agents are unknown.*$/;

/** All paths below the lab's directories that a command could write to, with what tells whether it did. */
async function traces(): Promise<string> {
  const dirs = [lab.stateDir, lab.runDir, join(lab.dir, 'etc'), controller.dir()];
  return lab.inside.output(['find', ...dirs, '-printf', '%p %T@ %C@ %s\n']);
}

describe('a member of the group without root and without a controller', () => {
  it('sees what runs, what is declared, and that the rest is unknown', async () => {
    const { stdout, stderr, exitCode } = await member('status', '--format=json');
    expect(stderr).toMatch(line);
    expect(stderr).toContain(`so is what ${lab.stateDir}/desired holds`);
    expect(stderr).toMatch(/sudo.*controller/);
    expect(exitCode).toBe(0);
    const { host, sandboxes, sources } = JSON.parse(stdout) as StatusReport;
    expect(host).toMatchObject({
      controller: 'in-process',
      network: 'unknown',
      incus: 'up',
    } satisfies Partial<HostReport>);
    expect(host.problems).toMatchObject([{ code: 'look.denied' }]);
    expect(sandboxes.map(({ name, state, ready, phase }) => [name, state, ready, phase])).toEqual([
      ['fine', 'running', false, 'Unknown'],
      ['late', 'absent', false, 'Unknown'],
      ['slow', 'running', false, 'Unknown'],
      ['typed', 'stopped', false, 'Unknown'],
    ]);
    const [fine] = sandboxes;
    expect(fine?.conditions).toMatchObject([
      { type: 'Ready', status: 'Unknown', reason: 'NetworkUnknown' },
      { type: 'Healthy', status: 'Unknown', reason: 'EgressUnknown' },
    ]);
    expect(sandboxes.flatMap(({ steps }) => steps)).toEqual([]);
    expect(sources.map(({ id, state }) => [id.replace(/^dir-.*/, 'dir'), state])).toEqual([
      ['dir', 'complete'],
      ['session/0', 'failed'],
      ['session/1000', 'failed'],
      ['session/65534', 'failed'],
    ]);
  });

  it('reads the same as text', async () => {
    const { stdout } = await member('status');
    expect(stdout).toMatch(/^fine +Unknown +running +unknown /m);
    expect(stdout).toContain('Host: no controller, answered by this command, network unknown, Incus up\n');
    expect((await member('status', 'fine')).stdout).toMatch(/Ready: +unknown, It is as declared as far as can be seen/);
    expect((await member('list')).stdout).toMatch(/coi-fine \(ephemeral\)\n {4}Status: Running\n {4}IPv4: 10\./);
    const why = await member('why', 'fine');
    expect(why.stdout).toMatch(/^fine: not known to be ready \(Unknown\)/);
    expect(why.stdout).toContain('Healthy is Unknown');
    expect((await member('status', 'nobody')).stderr).toContain('There is no sandbox "nobody"');
  });

  it('is told what differs, and no step that is only guessed', async () => {
    const { stdout, stderr, exitCode } = await member('diff', '--format=json');
    expect({ stderr, exitCode }).toEqual({ stderr: expect.stringMatching(line) as string, exitCode: 1 });
    const plans = JSON.parse(stdout) as PlanReport[];
    expect(plans.map(({ name, steps, network, block }) => [name, steps, network, block?.reason])).toEqual([
      ['fine', [], 'unknown', undefined],
      ['late', [], 'unknown', 'Unseen'],
      ['slow', [], 'unknown', 'Unseen'],
      ['typed', [], 'unknown', 'SourceIncomplete'],
    ]);
    expect(plans[2]?.patch).toEqual([{ op: 'replace', path: '/config/limits.cpu', value: '1' }]);
    expect((await member('diff', 'fine')).stdout).toBe(
      'Nothing to do that can be seen: 1 sandbox as declared; network rules unknown',
    );
    const brought = join(lab.dir, 'brought.toml');
    await writeFile(brought, manifest('fresh'));
    expect((await member('diff', '-f', brought)).stdout).toMatch(/fresh: no steps\n[^]*Blocked \(Unseen\)/);
  });

  it('may save a plan, which says that it cannot be carried out', async () => {
    const dir = join(lab.dir, 'theirs');
    await mkdir(dir);
    await chmod(dir, 0o777);
    const { stderr } = await member('plan', '-o', join(dir, 'plan.json'));
    expect(stderr).toContain('Saved, to be read only');
    expect(await readdir(dir)).toEqual(['plan.json']);
  });

  it('sees the steps where holds and stored manifests can be read', async () => {
    const open = join(lab.dir, 'open-state');
    await cp(lab.stateDir, open, { recursive: true });
    await lab.inside.output(['chmod', '-R', 'o+rX', open]);
    const env = { ...controller.env, COI_STATE_DIR: open, HOME: '/nonexistent' };
    const argv = [process.execPath, mainProgram, 'diff', '--format=json'];
    const { stdout, stderr } = await lab.run([...nobody, '--groups=incus-admin', ...argv], { env });
    expect(stderr).toMatch(line);
    expect(stderr).not.toContain('so is what');
    const kinds = (JSON.parse(stdout) as PlanReport[]).map(({ name, steps }) => [name, steps.map(({ kind }) => kind)]);
    expect(kinds).toEqual([
      ['fine', []],
      ['late', ['reserve', 'create']],
      ['slow', ['update', 'stamp']],
      ['typed', []],
    ]);
    await rm(open, { recursive: true });
  });

  it('is refused the audit log, which is for root', async () => {
    const { stderr, exitCode } = await member('events');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/^coi: Cannot read the audit log in .*EACCES.*\n {2}.*sudo.*$/) as string,
    });
  });

  it.each([['apply'], ['freeze', 'fine'], ['delete', 'typed']])('may not change anything: coi %s', async (...argv) => {
    const { stderr, exitCode } = await member(...argv);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `coi: No controller answers at ${lab.runDir}/coi.sock\n  Start it: sudo systemctl start coi, or without systemd: sudo coi controller`,
    });
  });

  it('deletes no old images unless told to: a manifest that may not be read could name one', async () => {
    for (const day of [1, 2]) {
      const dir = join(lab.dir, `spare-${day}`);
      await mkdir(join(dir, 'rootfs'), { recursive: true });
      await writeFile(join(dir, 'metadata.yaml'), `architecture: x86_64\ncreation_date: ${day}\n`);
      await lab.inside.output(['tar', '-C', dir, '-cf', `${dir}.tar`, 'metadata.yaml', 'rootfs']);
      await lab.incus('image', 'import', `${dir}.tar`, '--alias', `spare-2026010${day}-000000`);
    }
    const left = async () => (await lab.incus('image', 'list', '--format=csv', '-cl', 'spare')).trim().split('\n');
    const cleanup = (...flags: string[]) => member('image', 'cleanup', 'spare-', '--keep', '1', ...flags);
    expect(await cleanup()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('one of them may name one of these images') as string,
    });
    expect(await left()).toHaveLength(2);
    expect(await cleanup('--force')).toMatchObject({ exitCode: 0 });
    expect(await left()).toEqual(['spare-20260102-000000']);
  });

  it('leaves no trace', async () => {
    // Where anybody may write, only the command itself keeps from writing.
    const dirs = [lab.runDir, controller.dir()];
    await rm(join(controller.dir(), '.coi-source'));
    for (const dir of dirs) await lab.inside.output(['chown', '65534', dir]);
    const before = [await traces(), await worldOf(lab)];
    for (const argv of [['list'], ['status'], ['diff'], ['why', 'fine'], ['events']]) await member(...argv);
    expect([await traces(), await worldOf(lab)]).toEqual(before);
  });
});

it('somebody outside of the group gets one error that says what to do', async () => {
  for (const argv of [['list'], ['status'], ['why', 'fine']]) {
    const { stdout, stderr, exitCode } = await stranger(...argv);
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 });
    expect(stderr).toBe(
      `coi: No controller answers at ${lab.runDir}/coi.sock, and your user may not use Incus' socket ${lab.socket} either (EACCES)\n` +
        '  Start the controller: sudo systemctl start coi, or without systemd: sudo coi controller. ' +
        'Both are for the group incus-admin: sudo usermod -aG incus-admin "$USER", then log in again',
    );
  }
  expect((await stranger('diff')).exitCode).toBe(2);
});
