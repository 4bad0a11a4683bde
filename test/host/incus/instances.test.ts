import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openIncus, type Incus } from '../../../src/host/incus/client.ts';
import { parseInstances } from '../../../src/host/incus/instance.ts';
import type { Sample } from '../../../src/host/incus/transport.ts';
import { openLab, type Lab } from '../../lab/lab.ts';

let lab: Lab;
let incus: Incus;
const samples: Sample[] = [];

beforeAll(async () => {
  lab = await openLab({ name: 'incus-inst' });
  incus = openIncus({ socketPath: lab.socket, clock: systemClock, observe: (sample) => samples.push(sample) });
  await create('still', { type: 'none' });
  await create('box', { type: 'image', alias: 'busybox' }, true);
}, 120_000);

afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
}, 60_000);

async function create(name: string, source: { type: 'none' } | { type: 'image'; alias: string }, start = false) {
  const config = { 'user.coi.uid': `uid-of-${name}`, 'security.guestapi': 'false' };
  await incus.operations.finish(await incus.instances.create({ name, source, config, start }));
}

describe('Instances', () => {
  test('get() tells what it is', async () => {
    const { value, etag } = await incus.instances.get('box');
    expect(etag).toMatch(/^[0-9a-f]{64}$/);
    expect(value).toMatchObject({
      name: 'box',
      status: 'Running',
      state: 'running',
      ephemeral: false,
      type: 'container',
    });
    expect(value.config['user.coi.uid']).toBe('uid-of-box');
    expect(value.imageFingerprint).toBe(await incus.images.resolve('busybox'));
    expect(value.devices).toEqual({});
    expect(value.expandedDevices['root']).toMatchObject({ type: 'disk', path: '/', pool: 'default' });
  });

  test('get() of what is not there is gone', async () => {
    await expect(incus.instances.get('nope')).rejects.toMatchObject({ class: 'gone', status: 404 });
  });

  test('names that would mean another path are refused before anything is sent', async () => {
    await expect(incus.instances.get('..')).rejects.toThrow(TypeError);
    await expect(incus.instances.get('')).rejects.toThrow(TypeError);
    await expect(incus.instances.get('a/../box')).rejects.toMatchObject({
      class: expect.stringMatching(/gone|invalid/),
    });
  });

  test('state() tells addresses and process of one that runs', async () => {
    const local = expect.objectContaining({ address: '127.0.0.1' }) as unknown;
    // What runs inside gives itself that address, a moment after its start.
    await vi.waitFor(
      async () => {
        const state = await incus.instances.state('box');
        expect(state.pid).toBeGreaterThan(1);
        expect(state.network['lo']?.addresses).toContainEqual(local);
      },
      { timeout: 30_000 },
    );
  });

  test('patch() merges, and an empty text removes', async () => {
    await incus.instances.patch('still', { config: { 'user.a': '1', 'user.b': '2' } });
    await incus.instances.patch('still', { config: { 'user.a': '' } });
    const { config } = (await incus.instances.get('still')).value;
    expect(config['user.a']).toBeUndefined();
    expect(config['user.b']).toBe('2');
  });

  test('of many patches with one etag exactly one wins', async () => {
    const { etag } = await incus.instances.get('still');
    const race = Array.from({ length: 6 }, (_, index) =>
      incus.instances.patch('still', { config: { 'user.winner': String(index) } }, { etag }),
    );
    const settled = await Promise.allSettled(race);
    const won = settled.flatMap(({ status }, index) => (status === 'fulfilled' ? [String(index)] : []));
    expect(won).toHaveLength(1);
    expect((await incus.instances.get('still')).value.config['user.winner']).toBe(won[0]);
    const lost = settled.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown);
    expect(lost).toEqual(Array.from({ length: 5 }, () => expect.objectContaining({ class: 'conflict', status: 412 })));
  });

  test.each([
    ['start', 'already'],
    ['unfreeze', 'already'],
  ] as const)('%s of one that runs is %s', async (action, errorClass) => {
    const outcome = await incus.operations.wait(await incus.instances.setState('box', action));
    expect(outcome).toMatchObject({ kind: 'failure', error: { class: errorClass } });
  });

  test('freezes, says so, and thaws', async () => {
    await incus.operations.finish(await incus.instances.setState('box', 'freeze'));
    expect((await incus.instances.get('box')).value.state).toBe('frozen');
    const again = await incus.operations.wait(await incus.instances.setState('box', 'freeze'));
    expect(again).toMatchObject({ kind: 'failure', error: { class: 'already' } });
    await incus.operations.finish(await incus.instances.setState('box', 'unfreeze'));
    expect((await incus.instances.get('box')).value.state).toBe('running');
  });

  test('delete() is refused while it runs, and while it is protected', async () => {
    await expect(incus.instances.delete('box')).rejects.toMatchObject({ code: 'incus.wrong-state' });
    await create('guarded', { type: 'none' });
    await incus.instances.patch('guarded', { config: { 'security.protection.delete': 'true' } });
    const outcome = await incus.operations.wait(await incus.instances.delete('guarded'));
    expect(outcome).toMatchObject({ kind: 'failure', error: { code: 'incus.protected' } });
    await incus.instances.patch('guarded', { config: { 'security.protection.delete': '' } });
    await incus.operations.finish(await incus.instances.rename('guarded', 'coi-del-x'));
    await incus.operations.finish(await incus.instances.delete('coi-del-x'));
    await expect(incus.instances.get('coi-del-x')).rejects.toMatchObject({ class: 'gone' });
  });

  test('a missing image fails the create with a hint', async () => {
    const started = await incus.instances.create({ name: 'x', source: { type: 'image', alias: 'nope' } });
    const outcome = await incus.operations.wait(started);
    expect(outcome).toMatchObject({
      kind: 'failure',
      error: { code: 'incus.image-missing', hint: expect.any(String) },
    });
  });

  test('calls are observed by route, never by name', () => {
    expect(samples).toContainEqual(
      expect.objectContaining({ method: 'GET', route: '/1.0/instances/{name}', code: 200 }),
    );
    expect(samples.filter(({ route }) => /box|still|guarded/.test(route))).toEqual([]);
  });
});

test('parsing a list of 1,000 costs less than 60 ms of CPU', async () => {
  const captured = await incus.instances.list();
  expect(captured.length).toBeGreaterThan(1);
  const response = await lab.run(['curl', '-s', '--unix-socket', lab.socket, 'http://i/1.0/instances?recursion=1']);
  const one = (JSON.parse(response.stdout) as { metadata: { name: string }[] }).metadata.find(
    ({ name }) => name === 'box',
  );
  const text = JSON.stringify({ metadata: Array.from({ length: 1_000 }, (_, i) => ({ ...one, name: `box-${i}` })) });
  const costs = Array.from({ length: 7 }, () => {
    const before = process.cpuUsage();
    expect(parseInstances((JSON.parse(text) as { metadata: unknown }).metadata)).toHaveLength(1_000);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  }).toSorted((a, b) => a - b);
  expect(costs[3]).toBeLessThan(60);
});
