import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { manifest, startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';

// Each of them mostly waits for the grace of a deletion.
vi.setConfig({ maxConcurrency: 20 });

let lab: Lab;
let controller: LabController;
const sources = ['desired', 'policies', 'many', 'files', 'left', 'right', 'mounted', 'emptied', 'broken', 'twice'];

beforeAll(async () => {
  lab = await openLab({ name: 'deletion' });
  controller = await startController(lab, { sources });
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** Declares stopped sandboxes, a file each, and waits until they are there. @returns their uids by name */
async function declareStopped(source: string, tables: Readonly<Record<string, readonly string[]>>) {
  const names = Object.keys(tables);
  for (const [name, keys] of Object.entries(tables)) {
    await controller.write(`${name}.toml`, manifest(name, 'state = "stopped"', ...keys), source);
  }
  const reports = await Promise.all(names.map((name) => controller.ready(name, 'stopped')));
  return new Map(reports.map(({ name, uid }) => [name, uid]));
}

async function removeFiles(source: string, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => controller.remove(`${name}.toml`, source)));
}

async function sourceState(source: string) {
  const found = (await controller.status()).sources.find(({ path }) => path === controller.dir(source));
  if (!found) throw new Error(`no source ${source}`);
  return found;
}

describe.concurrent('what follows when a manifest is gone', () => {
  it('is what its policy says, and many at once wait for a person', async () => {
    const policies = ['orphan', 'protect', 'confirm', 'delete'] as const;
    const uids = await declareStopped(
      'policies',
      Object.fromEntries(policies.map((policy) => [`p-${policy}`, [`policy.deletion = "${policy}"`]])),
    );
    const many = ['m1', 'm2', 'm3', 'm4', 'm5'];
    await declareStopped('many', Object.fromEntries(many.map((name) => [name, []])));
    await removeFiles(
      'policies',
      policies.map((policy) => `p-${policy}`),
    );
    await removeFiles('many', many.slice(0, 4));

    await controller.gone('p-delete');
    await controller.condition('p-orphan', 'Pruning=False(Orphaned)');
    await controller.condition('p-protect', 'Stalled(Protected)');
    await controller.condition('p-confirm', 'Stalled(NeedsConfirm)');
    for (const name of many.slice(0, 4)) await controller.condition(name, 'Pruning=False(Guarded)');
    const held = ['m1', 'm2', 'm3', 'm4', 'p-confirm'];
    expect((await controller.status()).host.held.toSorted()).toEqual(held);

    const wrong = await controller.coi('apply', '--confirm-deletes', '4');
    expect(wrong.exitCode).toBe(4);
    expect(wrong.stderr).toContain('5 deletions are held, not 4');
    for (const name of held) expect(await controller.sandbox(name)).toMatchObject({ state: 'stopped' });

    await controller.coi('apply', '--confirm-deletes', '5');
    await Promise.all(held.map((name) => controller.gone(name)));
    expect(await controller.sandbox('m5')).toMatchObject({ ready: true });

    await controller.write('p-orphan.toml', manifest('p-orphan', 'state = "stopped"'), 'policies');
    expect((await controller.ready('p-orphan')).uid).toBe(uids.get('p-orphan'));
    expect((await controller.coi('delete', 'p-protect')).exitCode).toBe(1);
    await controller.write('p-protect.toml', manifest('p-protect', 'state = "absent"'), 'policies');
    await until('p-protect to be deleted', async () => !(await controller.instances()).has('coi-p-protect'));
  });

  it('is nothing when only its file has another name, or it moved to another file', async () => {
    const uids = await declareStopped('files', { renamed: [], moved: [], stays: [] });
    await rename(join(controller.dir('files'), 'renamed.toml'), join(controller.dir('files'), 'other.toml'));
    // Gone for a moment, and twice there for a moment: both orders in which two files can be saved.
    await controller.remove('moved.toml', 'files');
    await sleep(400);
    const both =
      manifest('stays', 'state = "stopped"') + manifest('moved', 'state = "stopped"').split('\n').slice(1).join('\n');
    await controller.write('both.toml', both, 'files');
    await sleep(400);
    await controller.remove('stays.toml', 'files');
    await sleep(11_500);
    for (const [name, uid] of uids) {
      expect(await controller.sandbox(name)).toMatchObject({ uid, ready: true, generation: 1 });
    }
    expect((await controller.sandbox('renamed'))?.file).toMatch(/other\.toml$/);
  });

  it('is nothing when it moved to another source, which owns it from then on', async () => {
    const uids = await declareStopped('left', { wanderer: [], 'left-rest': [] });
    await controller.remove('wanderer.toml', 'left');
    await controller.write('wanderer.toml', manifest('wanderer', 'state = "stopped"'), 'right');
    await sleep(12_500);
    expect(await controller.ready('wanderer')).toMatchObject({ uid: uids.get('wanderer') });
    const { config } = await controller.instance('coi-wanderer');
    expect(config['user.coi.source']).toBe((await sourceState('right')).id);
    await controller.remove('wanderer.toml', 'right');
    await controller.gone('wanderer');
  });

  it('is nothing while its directory is not mounted', async () => {
    const dir = controller.dir('mounted');
    const uids = await declareStopped('mounted', { 'on-disk': [] });
    await rename(dir, `${dir}.away`);
    await until('a failed read', async () => (await sourceState('mounted')).state === 'failed', { timeoutMs: 5_000 });
    await mkdir(dir);
    await until('a partial read', async () => (await sourceState('mounted')).state === 'partial', { timeoutMs: 5_000 });
    expect((await sourceState('mounted')).problems).toMatchObject([{ code: 'source.SentinelMissing' }]);
    await sleep(11_000);
    expect(await controller.sandbox('on-disk')).toMatchObject({ state: 'stopped', uid: uids.get('on-disk') });
    await rm(dir, { recursive: true });
    await rename(`${dir}.away`, dir);
    await until('a complete read', async () => (await sourceState('mounted')).state === 'complete', {
      timeoutMs: 5_000,
    });
    expect(await controller.ready('on-disk')).toMatchObject({ uid: uids.get('on-disk') });
  });

  it('is its end when its directory was emptied and still bears its mark', async () => {
    await declareStopped('emptied', { 'last-1': [], 'last-2': [] });
    await removeFiles('emptied', ['last-1', 'last-2']);
    await Promise.all(['last-1', 'last-2'].map((name) => controller.gone(name)));
    expect(await sourceState('emptied')).toMatchObject({ state: 'complete', sandboxes: 0 });
  });

  it('waits while another file of the source cannot be read, which keeps what it said', async () => {
    const uids = await declareStopped('broken', { half: [], leaving: [] });
    await controller.write('half.toml', 'apiVersion = "coi/v1"\n[sandbox.half]\nimage = "busy', 'broken');
    await until('the problem', async () => (await sourceState('broken')).state === 'partial');
    expect((await sourceState('broken')).problems).toMatchObject([
      { file: join(controller.dir('broken'), 'half.toml'), line: 3 },
    ]);
    await controller.remove('leaving.toml', 'broken');
    await controller.condition('leaving', 'Pruning=False(SourceIncomplete)');
    await sleep(11_000);
    expect(await controller.sandbox('half')).toMatchObject({ uid: uids.get('half'), ready: true });
    expect(await controller.sandbox('leaving')).toMatchObject({ state: 'stopped' });
    const validated = await controller.coi('validate', controller.dir('broken'));
    expect(validated.exitCode).toBe(1);
    expect(validated.stdout + validated.stderr).toContain('half.toml:3');
    await controller.write('half.toml', manifest('half', 'state = "stopped"', 'limits.cpu.count = "1"'), 'broken');
    await controller.when('half', ({ ready, generation }) => ready && generation === 2);
    await controller.gone('leaving');
  });

  it('is nothing while two files or two sources declare it', async () => {
    const uids = await declareStopped('twice', { double: [] });
    await controller.write('double.toml', manifest('double', 'state = "running"'), 'desired');
    const { conflicts } = await until('the conflict', async () => {
      const found = (await controller.status()).host.problems.filter(({ code }) => code === 'source.conflict');
      return found.length > 0 && { conflicts: found };
    });
    expect(conflicts).toMatchObject([{ message: expect.stringContaining('double') as string }]);
    expect(await controller.sandbox('double')).toMatchObject({ state: 'stopped', uid: uids.get('double') });
    await controller.remove('double.toml', 'desired');
    await controller.ready('double', 'stopped');
    await controller.write('again.toml', manifest('double', 'state = "running"'), 'twice');
    await until('both files to be refused', async () => (await sourceState('twice')).problems.length >= 1);
    expect(await controller.sandbox('double')).toMatchObject({ state: 'stopped', uid: uids.get('double') });
  });

  it('is left to commands for what commands declared', async () => {
    const file = join(lab.dir, 'session.toml');
    await writeFile(file, manifest('mine', 'limits.runtime.max_processes = 40'));
    expect(await controller.coi('apply', '-f', file, '--wait')).toMatchObject({ exitCode: 0 });
    const { uid } = await controller.ready('mine', 'running');
    await writeFile(file, manifest('mine', 'limits.runtime.max_processes = 50'));
    expect(await controller.coi('apply', '-f', file, '--wait')).toMatchObject({ exitCode: 0 });
    expect(await controller.ready('mine')).toMatchObject({ uid, generation: 2, source: 'session/0' });
    expect((await controller.instance('coi-mine')).config['limits.processes']).toBe('50');

    await declareStopped('desired', { theirs: [] });
    await writeFile(file, manifest('theirs'));
    const refused = await controller.coi('apply', '-f', file);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain('theirs.toml:2');
    const kept = await controller.coi('delete', 'theirs');
    expect(kept.exitCode).toBe(1);
    expect(kept.stdout + kept.stderr).toContain('theirs.toml:2');

    expect(await controller.coi('delete', 'mine', '--wait')).toMatchObject({ exitCode: 0 });
    expect((await controller.instances()).has('coi-mine')).toBe(false);
    // What a command deletes waits for no grace.
    expect(controller.log).toMatch(/"sandbox":"mine",.*"message":"it was deleted by command"/);
    expect(controller.log).not.toMatch(/"sandbox":"mine",.*"reason":"Grace"/);
    await controller.gone('mine');
    // The name is free again.
    await writeFile(file, manifest('mine', 'state = "stopped"'));
    expect(await controller.coi('apply', '-f', file, '--wait')).toMatchObject({ exitCode: 0 });
    expect((await controller.ready('mine', 'stopped')).uid).not.toBe(uid);
  });
});
