import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { manifest } from '../lab/controller.ts';
import { until } from '../lab/until.ts';
import { openStage, untilQuiet, type Stage } from './stage.ts';
import { nextPrefix } from './workloads.ts';
import { differenceOf } from './world-state.ts';

let stage: Stage;
const [one, two, stored] = ['one', 'two', 'stored'].map((name) => `${nextPrefix()}${name}`) as [string, string, string];
let before: readonly string[];
let identities: readonly string[];

beforeAll(async () => {
  stage = await openStage({ name: 'caches' });
  const { controller } = stage;
  await controller.declare(one, 'network.mode = "open"');
  await controller.declare(two, 'state = "stopped"');
  await controller.coiWith({ input: '' }, 'apply', '-f', await storedManifest());
  for (const name of [one, two, stored]) await controller.ready(name);
  await controller.api.freeze({ names: [one], by: 'test', reason: 'to see whether it outlives the caches' });
  await controller.ready(one, 'frozen');
  await untilQuiet(stage);
  before = await stage.world();
  identities = await uids();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

async function storedManifest(): Promise<string> {
  const file = join(stage.lab.dir, 'stored.toml');
  await writeFile(file, manifest(stored));
  return file;
}

async function uids(): Promise<string[]> {
  return (await stage.incus.instances()).flatMap(({ config }) => config['user.coi.uid'] ?? []).sort();
}

/** Everything the controller keeps but what it cannot know otherwise: stored manifests and overrides. */
async function deleteCaches(): Promise<string[]> {
  const { stateDir } = stage.lab;
  const caches = (await readdir(stateDir)).filter((name) => name !== 'desired');
  for (const name of caches) await rm(join(stateDir, name), { recursive: true });
  return caches;
}

async function expectSameWorld(): Promise<void> {
  const isSame = async () => {
    void stage.kick();
    const difference = differenceOf(before, await stage.world());
    if (difference !== '') throw new Error(difference);
    return true;
  };
  await until('the same world', isSame, { timeoutMs: 30_000, everyMs: 100 });
  expect(await uids()).toEqual(identities);
  expect(stage.sampler.unprotected).toEqual([]);
}

test('caches deleted while it runs change nothing', async () => {
  expect(await deleteCaches()).not.toEqual([]);
  await expectSameWorld();
  await stage.controller.restart();
  await expectSameWorld();
});

test('caches deleted while it is stopped change nothing', async () => {
  await stage.controller.stop();
  expect(await deleteCaches()).not.toEqual([]);
  await stage.controller.start();
  await expectSameWorld();
  const { stdout } = await stage.controller.coi('audit', 'verify');
  expect(stdout).not.toBe('');
});
