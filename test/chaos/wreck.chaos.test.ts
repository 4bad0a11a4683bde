import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import { openIncus } from '../../src/host/incus/client.ts';
import { isFull } from '../helpers/full.ts';
import { until } from '../lab/until.ts';
import { openStage, type Stage } from './stage.ts';
import { nextPrefix } from './workloads.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ name: 'wreck' });
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Milliseconds from a request to the death of the incusd that works on it. */
const offsets = isFull ? [0, 5, 10, 20, 30, 45, 60, 80, 100, 130, 160, 200, 250, 300] : [0, 15, 40, 80, 140];

interface Death {
  readonly method: 'POST' | 'DELETE';
  /** Pattern of the path of the call that incusd dies in. */
  readonly path: RegExp;
  readonly afterMs: number;
  /** Whether the controller dies with it, and with that all it remembers. */
  readonly withController: boolean;
}

/** Lets incusd die in the next call that fits, and starts it again. @returns uids of what is there and does not run */
async function incusdDies({ method, path, afterMs, withController }: Death): Promise<Set<string>> {
  const { proxy, lab, controller } = stage;
  const died = Promise.withResolvers<void>();
  const kill = async () => {
    await sleep(afterMs);
    if (withController) process.kill(controller.pid, 'SIGKILL');
    await lab.stopIncusd('SIGKILL');
  };
  proxy.intercept = async (call, forward) => {
    if (call.method !== method || !path.test(call.path)) return forward();
    proxy.reset();
    kill().then(died.resolve, died.reject);
    return forward();
  };
  await died.promise;
  // What is left must be seen before the controller makes something new in its place.
  if (withController) await controller.stop('SIGKILL');
  else process.kill(controller.pid, 'SIGSTOP');
  await lab.startIncusd();
  const instances = await stage.incus.instances();
  const still = instances.filter(({ status }) => status !== 'Running');
  const left = still.flatMap(({ config }) => config['user.coi.uid'] ?? []);
  if (!withController) process.kill(controller.pid, 'SIGCONT');
  return new Set(left);
}

/** What Incus did with one instance name while something else went on, in order. */
async function lifecycleOf(instance: string, act: () => Promise<void>): Promise<string[]> {
  await using incus = openIncus({ socketPath: stage.lab.socket, clock });
  const actions: string[] = [];
  using _ = incus.events.on((notice) => {
    if (notice.kind === 'lifecycle' && notice.name === instance) actions.push(notice.action);
  });
  await incus.events.ready(AbortSignal.timeout(10_000));
  await act();
  return actions;
}

async function recover(withController: boolean): Promise<void> {
  if (withController) await stage.controller.start();
}

test.for([true, false])(
  'a creation that incusd died in is built anew, never started; controller dead too: %s',
  async (withController) => {
    let wrecks = 0;
    for (const afterMs of offsets) {
      const name = `${nextPrefix()}made`;
      await stage.controller.declare(name);
      const left = await incusdDies({ method: 'POST', path: /^\/1\.0\/instances$/, afterMs, withController });
      wrecks += left.size;
      const actions = await lifecycleOf(`coi-${name}`, async () => {
        await recover(withController);
        const kicks = setInterval(() => void stage.kick(), 500);
        await stage.controller.ready(name, 'running').finally(() => clearInterval(kicks));
      });
      // Without a controller nothing happens before it is watched, so the order of all that happens is known.
      const isWatched = withController && left.size > 0;
      const isDeletedFirst = actions.indexOf('instance-deleted') < actions.indexOf('instance-started');
      expect(isDeletedFirst || !isWatched).toBe(true);
      expect([...stage.sampler.seenRunning].filter((uid) => left.has(uid))).toEqual([]);
      await stage.controller.declare(name, 'state = "absent"');
      await untilNothingIsLeft();
      await stage.controller.remove(`${name}.toml`);
    }
    console.log(`${offsets.length} deaths of incusd during creation left ${wrecks} half-made instances`);
    expect(wrecks).toBeGreaterThan(0);
    expect(stage.sampler.unprotected).toEqual([]);
  },
);

test.for([true, false])(
  'a deletion that incusd died in is finished, nothing started; controller dead too: %s',
  async (withController) => {
    for (const afterMs of offsets) {
      const name = `${nextPrefix()}going`;
      await stage.controller.declare(name);
      await stage.controller.ready(name, 'running');
      await stage.controller.declare(name, 'state = "absent"');
      await incusdDies({ method: 'DELETE', path: /^\/1\.0\/instances\//, afterMs, withController });
      const actions = await lifecycleOf(`coi-${name}`, async () => {
        await recover(withController);
        await untilNothingIsLeft();
      });
      expect(actions).not.toContain('instance-started');
      await stage.controller.remove(`${name}.toml`);
    }
    expect(stage.sampler.unprotected).toEqual([]);
  },
);

test('links of what was never finished go in time', async () => {
  const look = async () => {
    void stage.kick();
    return (await stage.leftovers()).length === 0;
  };
  expect(await until('nothing to be left', look, { timeoutMs: 75_000, everyMs: 500 })).toBe(true);
});

test('a wreck whose volume was never made goes all the same', async () => {
  const { controller, lab, incus } = stage;
  const hollow = `${nextPrefix()}hollow`;
  await controller.declare(hollow);
  const { uid } = await controller.ready(hollow, 'running');
  await controller.stop('SIGKILL');
  await incus.call('PUT', `/1.0/instances/coi-${hollow}/state`, { action: 'stop', force: true, timeout: -1 });
  const volume = join(lab.incusDir, `storage-pools/default/containers/coi-${hollow}`);
  await lab.inside.output(['btrfs', 'subvolume', 'delete', volume]);
  await lab.inside.output(['mkdir', volume]);
  const intent = JSON.stringify({ kind: 'create', at: Date.now() });
  await incus.call('PATCH', `/1.0/instances/coi-${hollow}`, { config: { 'user.coi.intent': intent } });
  await controller.start();
  const rebuilt = await controller.when(hollow, (each) => each.ready && each.uid !== uid);
  expect(rebuilt.state).toBe('running');
  await controller.declare(hollow, 'state = "absent"');
  await untilNothingIsLeft();
});

test('snapshots that Incus has lost sight of keep nothing from being deleted', async () => {
  const { controller, lab } = stage;
  const name = `${nextPrefix()}lost`;
  await controller.declare(name);
  await controller.ready(name, 'running');
  const pool = join(lab.incusDir, 'storage-pools/default');
  const folder = join(pool, `containers-snapshots/coi-${name}`);
  await lab.inside.output(['mkdir', '-p', join(folder, 'plain/inside')]);
  const volume = join(pool, `containers/coi-${name}`);
  await lab.inside.output(['btrfs', 'subvolume', 'snapshot', '-r', volume, join(folder, 'before')]);
  await controller.declare(name, 'state = "absent"');
  await untilNothingIsLeft();
  expect(await lab.inside.output(['ls', join(pool, 'containers-snapshots')])).toBe('');
});

test.for(['moved', 'not moved'])('a rename that incusd died in is completed, its files %s', async (files) => {
  const { controller, lab, incus } = stage;
  const name = `${nextPrefix()}half`;
  await controller.declare(name);
  const { uid } = await controller.ready(name, 'running');
  await controller.stop('SIGKILL');
  const [before, after] = [`coi-${name}`, `coi-del-${uid!.toLowerCase()}`];
  await incus.call('PUT', `/1.0/instances/${before}/state`, { action: 'stop', force: true, timeout: -1 });
  const intent = JSON.stringify({ kind: 'delete', at: Date.now() });
  await incus.call('PATCH', `/1.0/instances/${before}`, { config: { 'user.coi.intent': intent } });
  await incus.call('POST', `/1.0/instances/${before}`, { name: after });
  const half = `UPDATE instances SET name = '${before}' WHERE name = '${after}'`;
  await lab.incus('admin', 'sql', 'global', half);
  const containers = join(lab.incusDir, 'storage-pools/default/containers');
  if (files === 'not moved') await lab.inside.output(['mv', join(containers, after), join(containers, before)]);
  await controller.declare(name, 'state = "absent"');
  await controller.start();
  await untilNothingIsLeft();
  expect(await lab.inside.output(['ls', containers])).not.toMatch(new RegExp(`${before}|${after}`));
  expect(await lab.incus('storage', 'volume', 'list', 'default', '-f', 'csv')).not.toContain(after);
});

/** Links that incusd made before it died stay for a minute: only then is it certain that they belong to nobody. */
async function untilNothingIsLeft(): Promise<void> {
  const look = async () => {
    void stage.kick();
    const left = (await stage.leftovers()).filter((line) => !line.startsWith('link '));
    if (left.length > 0) throw new Error(left.join('\n'));
    return true;
  };
  await until('nothing to be left', look, { timeoutMs: 30_000, everyMs: 250 });
}
