import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { listRules, worldOf } from '../lab/world.ts';

let lab: Lab;
let controller: LabController;

beforeAll(async () => {
  lab = await openLab({ name: 'main-path' });
  // A bridge has a link-local address, and a block policy for it, from its first port on: one that is not a sandbox's.
  const port = ['lab-port', 'up', 'master', 'coibr0'];
  await lab.inside.output(['ip', 'link', 'add', ...port, 'type', 'veth', 'peer', 'name', 'lab-end']);
  await lab.inside.output(['ip', 'link', 'set', 'lab-end', 'up']);
  controller = await startController(lab);
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

it('makes a sandbox of a saved file, and takes every trace of it away with the file', async () => {
  const before = await worldOf(lab);
  await controller.declare('web', 'limits.memory.limit = "128MiB"');
  const began = performance.now();
  const { ipv4 = '', ipv6 = '', uid = '' } = await controller.ready('web', 'running');
  console.log(`file saved → Ready: ${Math.round(performance.now() - began)} ms`);

  const live = await controller.instance('coi-web');
  expect(live.status).toBe('Running');
  expect(live.config).toMatchObject({
    'limits.memory': '128MiB',
    'user.coi.uid': uid,
    'security.protection.delete': 'true',
  });
  expect(live.config).not.toHaveProperty('user.coi.intent');
  const rules = await listRules(lab);
  for (const known of [ipv4, ipv6, live.devices['eth0']?.['host_name'], uid]) expect(rules).toContain(known);
  expect(await controller.metrics()).toEqual(
    expect.arrayContaining([
      'coi_sandboxes{phase="Current"} 1',
      'coi_steps_total{kind="create",outcome="succeeded"} 1',
      'coi_network_ready 1',
      expect.stringMatching(/^coi_sandbox_info\{name="web",.*ready="true"/),
    ]),
  );
  const listed = await controller.coi('list');
  expect(listed).toMatchObject({ exitCode: 0, stderr: '' });
  expect(listed.stdout).toContain('coi-web');

  await controller.remove('web.toml');
  await controller.condition('web', 'Pruning=False(Grace)');
  await controller.gone('web');
  expect(await worldOf(lab)).toEqual(before);
  expect((await controller.metrics()).filter((line) => line.includes('name="web"'))).toEqual([]);
});

it('writes down what it did, in a log that can be checked', async () => {
  const kinds = async () => {
    const { stdout } = await controller.coi('events', 'web', '--format', 'json');
    const records = stdout.split('\n').filter((line) => line !== '');
    return records
      .map((line) => JSON.parse(line) as { kind: string; phase: string })
      .filter(({ phase }) => phase === 'succeeded')
      .map(({ kind }) => kind);
  };
  // What is not destructive is written in batches, a moment after it was done.
  await until('the last record', async () => (await kinds()).includes('delete'));
  expect(await kinds()).toEqual(['reserve', 'create', 'stamp', 'stamp', 'stop', 'tombstone', 'unprotect', 'delete']);
  expect(await controller.coi('audit', 'verify')).toMatchObject({ exitCode: 0 });
});

it('does nothing when there is nothing to do', async () => {
  await controller.declare('idle');
  const { generation } = await controller.ready('idle', 'running');
  const steps = async () => (await controller.metrics()).filter((line) => line.startsWith('coi_steps_total'));
  const before = await steps();
  await controller.coi('apply');
  await sleep(200);
  expect(await steps()).toEqual(before);
  expect((await controller.ready('idle')).generation).toBe(generation);
  expect(await controller.coi('diff')).toMatchObject({ exitCode: 0 });
});
