import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isFull } from '../helpers/full.ts';
import { controllerArgv, labEnvironment } from '../lab/controller.ts';
import { until } from '../lab/until.ts';
import { openStage, untilQuiet, type Stage } from './stage.ts';
import { nextPrefix } from './workloads.ts';
import { differenceOf } from './world-state.ts';

let stage: Stage;
const [one, two] = ['one', 'two'].map((name) => `${nextPrefix()}${name}`) as [string, string];

beforeAll(async () => {
  stage = await openStage({ name: 'rivals' });
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

async function settledWorld(): Promise<string[]> {
  await untilQuiet(stage, 400);
  return stage.world();
}

/** A second controller of the same host, as it would be started by hand. */
async function startRival() {
  const argv = await controllerArgv(stage.lab, { args: ['--metrics', '127.0.0.1:9478'] });
  return stage.lab.spawn(argv, { env: await labEnvironment(stage.lab) });
}

test('a second controller refuses to start, also while the first stands still', async () => {
  const { controller } = stage;
  await controller.declare(one);
  await controller.ready(one);
  const before = await settledWorld();
  process.kill(controller.pid, 'SIGSTOP');
  try {
    const rival = await startRival();
    expect((await rival.ended).exitCode).toBe(1);
    expect(rival.output).toContain('Cannot reconcile');
    await controller.declare(one, 'state = "frozen"');
    await sleep(isFull ? 60_000 : 3_000);
    expect(differenceOf(before, await stage.world())).toBe('');
  } finally {
    process.kill(controller.pid, 'SIGCONT');
  }
  await controller.ready(one, 'frozen');
  await controller.declare(one);
  await controller.ready(one, 'running');
});

test('a controller whose lock was taken away ends, and leaves everything as it is', async () => {
  const { controller, lab } = stage;
  await controller.declare(two);
  await controller.ready(two);
  const before = await settledWorld();
  await rm(`${lab.runDir}/controller.lock`);
  await until('it to end', () => Promise.resolve(!controller.alive));
  expect(controller.log).toContain('The lock of this controller was removed');
  expect(differenceOf(before, await stage.world())).toBe('');
  await controller.start();
  await controller.ready(two);
  expect(stage.sampler.unprotected).toEqual([]);
  expect(await stage.foreignChanges()).toBe('');
});

/** Milliseconds for which the calm of a fight is measured. */
const calmMs = isFull ? 60_000 : 15_000;

test('a field that somebody rewrites again and again is left alone before long', async () => {
  const { controller, incus, proxy } = stage;
  // Not one of isolation: those are put right whoever fights for them.
  await controller.declare(two, 'limits.runtime.max_processes = 64');
  await controller.ready(two);
  const ending = new AbortController();
  const fight = async () => {
    while (!ending.signal.aborted) {
      const change = { config: { 'limits.processes': '65' } };
      await incus.insist(() => incus.call('PATCH', `/1.0/instances/coi-${two}`, change), 200);
      await sleep(150);
    }
  };
  const fighting = fight();
  try {
    await controller.condition(two, 'Stalled(Fighting)', { timeoutMs: 20_000 });
    proxy.reset();
    await sleep(calmMs);
    const writes = proxy.calls.filter(({ isWrite, path }) => isWrite && path.endsWith(two)).length;
    console.log(`${writes} writes in ${calmMs} ms of a fight`);
    expect(writes).toBeLessThanOrEqual(Math.ceil((5 * calmMs) / 60_000));
  } finally {
    ending.abort();
    await fighting;
  }
});

test('more events than a controller that stands still can read cost it nothing but a list', async () => {
  const { controller, incus } = stage;
  await controller.declare(one);
  await controller.ready(one, 'running');
  process.kill(controller.pid, 'SIGSTOP');
  try {
    const patch = (value: number) =>
      incus.call('PATCH', '/1.0/instances/others', { config: { 'user.noise': String(value) } });
    for (let number = 0; number < 120; number += 1) await Promise.all(Array.from({ length: 10 }, () => patch(number)));
    await incus.call('PATCH', '/1.0/instances/others', { config: { 'user.noise': '' } });
    await incus.call('PUT', `/1.0/instances/coi-${one}/state`, { action: 'stop', force: true, timeout: -1 });
  } finally {
    process.kill(controller.pid, 'SIGCONT');
  }
  await controller.ready(one, 'running');
  const isBack = async () => (await controller.instances()).get(`coi-${one}`) === 'Running';
  expect(await until('it to run again', isBack)).toBe(true);
});

test('a write that always fails is tried ever more rarely', async () => {
  const { controller, proxy } = stage;
  await controller.declare(one);
  await controller.ready(one, 'running');
  await untilQuiet(stage);
  proxy.reset();
  proxy.intercept = async (call, forward) => (call.isWrite && call.path.includes(one) ? 'lost' : forward());
  await controller.declare(one, 'limits.runtime.max_processes = 77');
  await sleep(20_000);
  const tries = proxy.calls.filter(({ isWrite }) => isWrite).length;
  const { length } = proxy.calls;
  console.log(`${tries} tries, ${length} calls in 20 s of failing`);
  expect(tries).toBeLessThanOrEqual(48);
  proxy.reset();
  await stage.kick();
  await controller.ready(one);
});

test("a link of ours without an owner goes, somebody else's stays", async () => {
  const { lab } = stage;
  await lab.inside.output(['ip', 'link', 'add', 'coiorphan000001', 'type', 'veth', 'peer', 'name', 'orphanpeer']);
  const isGone = async () => {
    void stage.kick();
    return !(await stage.world()).includes('link coiorphan000001');
  };
  await until('the link to go', isGone, { timeoutMs: 75_000, everyMs: 1_000 });
  expect(await stage.foreignChanges()).toBe('');
});
