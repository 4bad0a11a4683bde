import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageReport } from '../../src/controller/image-record.ts';
import { isFull } from '../helpers/full.ts';
import { manifest, type LabController } from '../lab/controller.ts';
import { until } from '../lab/until.ts';
import { askingScript, imageToml, publicServer, Workshop } from './workshop.ts';

let shop: Workshop;
let controller: LabController;

beforeAll(async () => {
  shop = await Workshop.open('declared');
  ({ controller } = shop.desk);
});
afterAll(() => shop?.[Symbol.asyncDispose]());

const script = (line: string) => `#!/bin/sh\nset -e\n${line}\n`;
const declare = (text: string, file = 'images.toml') => controller.write(file, `apiVersion = "coi/v1"\n${text}\n`);
const aliases = async (prefix: string) =>
  (await shop.images(prefix)).flatMap((each) => each.aliases.map(({ name }) => name)).toSorted();
const standsFor = async (alias: string) =>
  (await shop.images(alias)).find((each) => each.aliases.some(({ name }) => name === alias))?.fingerprint;

/** Two steps: containers of the small image have to be told whom to ask for names, or each build tries for seconds. */
function definition(last: string) {
  return {
    'image.toml': imageToml('"busybox"', ['names', 'last']),
    'steps/names': askingScript(publicServer),
    'steps/last': script(last),
  };
}

/** Waits until a declared image is as described; the failure tells how it was instead. */
async function when(name: string, is: (report: ImageReport) => boolean, timeoutMs = 90_000): Promise<ImageReport> {
  let last: ImageReport | undefined;
  const look = async () => {
    last = (await controller.status()).images.find((each) => each.name === name);
    return last && is(last) ? last : undefined;
  };
  return await until(`image ${name}`, look, { timeoutMs, everyMs: 100 }).catch((cause: unknown) => {
    throw new Error(`${JSON.stringify(last, null, 1)}\n${controller.log.slice(-4_000)}`, { cause });
  });
}

/** Numbers of processes of this lab that build an image. */
async function builders(name: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    // Those that end meanwhile build nothing.
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
    const words = (await read('cmdline')).split('\0');
    const isIt = words.includes('build') && words.at(-2) === name;
    if (isIt && (await read('environ')).includes(shop.desk.lab.dir)) found.push(pid);
  }
  return found;
}

describe('a declared image', () => {
  it('is built by the controller, for which sandboxes wait and say so', async () => {
    await shop.define('tool', definition('echo first >/marker; sleep 2'));
    await controller.write('waits.toml', manifest('waits', 'image = "tool"'));
    await controller.condition('waits', 'Stalled(ImageMissing)');
    await declare('[image.tool]');
    const waiting = await controller.condition('waits', 'Reconciling(ImageBuilding)');
    expect(waiting.message).toMatch(/^Its image "tool" is (to be|being) built$/);
    const built = await when('tool', ({ ready }) => ready);
    expect(built).toMatchObject({ reason: 'InSync', fingerprint: await standsFor('tool') });
    await controller.ready('waits', 'running');
    expect((await shop.desk.lab.incus('exec', 'coi-waits', '--', 'cat', '/marker')).trim()).toBe('first');
    expect(await aliases('tool')).toEqual(['tool', expect.stringMatching(/^tool-\d{8}-\d{6}$/)]);

    expect((await controller.coi('status')).stdout).toMatch(/\nIMAGE +STATE +BUILT +MESSAGE\ntool +InSync +\d+s ago +/);
    const { stdout } = await controller.coi('events', '--format', 'json');
    const records = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, string>);
    const own = records
      .filter(({ key }) => key === 'image/tool')
      .map(({ kind, phase, why }) => `${kind} ${phase}: ${why}`);
    expect(own).toEqual(['build started: There is no such image', 'build succeeded: There is no such image']);
  });

  it('is built again when what it is built from changes, and keeps as many versions as it is to', async () => {
    const first = await standsFor('tool');
    await shop.define('tool', definition('echo second >/marker'));
    await declare('[image.tool]\nkeep = 1');
    await when('tool', (each) => each.ready && each.fingerprint !== first);
    expect(await shop.inside('tool', 'cat /marker')).toBe('second');
    // The sandbox that runs was made from the first, and needs it no more.
    expect(await aliases('tool')).toHaveLength(2);
  });

  // It has to be waited for: whole runs only.
  it.each(isFull ? ['* * * * *'] : [])('is built anew by its schedule: %s', async (schedule) => {
    const before = await standsFor('tool');
    await declare(`[image.tool]\nkeep = 1\nschedule = "${schedule}"`);
    const due = await when('tool', (each) => each.reason === 'Building', 120_000);
    expect(due.message).toBe('Its schedule says so');
    await declare('[image.tool]\nkeep = 1');
    const after = await when('tool', (each) => each.ready && each.fingerprint !== before);
    expect(await shop.inside('tool', 'cat /marker')).toBe('second');
    expect(await aliases('tool')).toHaveLength(2);
    expect(await standsFor('tool')).toBe(after.fingerprint);
  });

  it('stays as it is while its build fails, says why, and is built as soon as that is mended', async () => {
    const before = await standsFor('tool');
    await shop.define('tool', definition('echo no such luck >&2; exit 3'));
    await controller.api.reconcile();
    const failed = await when('tool', ({ reason }) => reason === 'BuildFailed');
    expect(failed).toMatchObject({ ready: false, fingerprint: before, failure: { code: 'image.build-failed' } });
    expect(failed.message).toMatch(/^image "tool": .*last.*3.*; it is tried again at \d{4}-/s);
    expect(failed.failure?.hint).toContain('The whole log: ');
    expect(await standsFor('tool')).toBe(before);
    const { stdout: metrics } = await shop.desk.lab.run(['curl', '-sf', 'http://127.0.0.1:9477/metrics']);
    expect(metrics).toMatch(/^coi_image_ready\{image="tool"\} 0$/m);
    expect(metrics).toMatch(/^coi_image_builds_total\{outcome="failed"\} 1$/m);
    await shop.define('tool', definition('echo third >/marker'));
    await controller.api.reconcile();
    await when('tool', ({ ready }) => ready);
    expect(await shop.inside('tool', 'cat /marker')).toBe('third');
  });

  it('of a script is built on another one, after that', async () => {
    await shop.define('lower', definition('echo lower >/marker'));
    await controller.write('upper', script('echo upper >>/marker'));
    const path = join(controller.dir(), 'upper');
    // By name the upper one comes first, and has nothing to start from yet.
    await declare(`[image.above]\nscript = ${JSON.stringify(path)}\nbase = "lower"\n[image.lower]`);
    await when('lower', ({ ready }) => ready);
    await controller.api.reconcile();
    await when('above', ({ ready }) => ready, 150_000);
    expect(await shop.inside('above', 'cat /marker')).toBe('lower\nupper');
  });

  it('that somebody made by hand is left alone, and so is what is declared no more', async () => {
    const busybox = await standsFor('busybox');
    await declare('[image.busybox]\nscript = "/bin/true"\nbase = "tool"\n[image.nowhere]');
    expect(await when('busybox', ({ reason }) => reason === 'ForeignImage')).toMatchObject({ ready: false });
    const nowhere = await when('nowhere', ({ reason }) => reason === 'Failed');
    expect(nowhere.message).toBe('There is no image definition "nowhere"');
    expect(await standsFor('busybox')).toBe(busybox);
    await controller.remove('images.toml');
    const isForgotten = async () => (await controller.status()).images.length === 0;
    await until('nothing to be declared', isForgotten);
    for (const alias of ['tool', 'lower', 'above']) expect(await standsFor(alias)).toBeDefined();
  });

  it('ends with its declaration or the controller while it is built, and goes on where it was', async () => {
    await shop.define('slow', definition('sleep 600'));
    await declare('[image.slow]');
    const isAtWork = () => /"image":"slow","said":"\[1\/2\] names: [\d.]+ s"/.test(controller.log);
    await until('the first step to be over', isAtWork, { timeoutMs: 60_000 });
    const isOver = async () => (await builders('slow')).length === 0;
    expect(await isOver()).toBe(false);
    await controller.remove('images.toml');
    await until('the build to end', isOver, { timeoutMs: 30_000 });

    await declare('[image.slow]');
    await when('slow', ({ reason }) => reason === 'Building');
    await until('another build', async () => !(await isOver()));
    await controller.stop('SIGKILL');
    await until('the build to end', isOver, { timeoutMs: 30_000 });
    await shop.define('slow', definition('echo slow >/marker'));
    await controller.start();
    await when('slow', ({ ready }) => ready);
    expect(controller.log).toContain('[1/2] names: kept from an earlier build');
    expect(await shop.inside('slow', 'cat /marker')).toBe('slow');
  });

  it('is none of what a command brings along', async () => {
    const file = join(shop.desk.lab.dir, 'brought.toml');
    await shop.desk.lab.run(['cp', join(controller.dir(), 'images.toml'), file]);
    const { exitCode, stderr } = await controller.coi('apply', '-f', file);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('image "slow" can only be declared in a file of a directory that the controller reads');
  });
});
