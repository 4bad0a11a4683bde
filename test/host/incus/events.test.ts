import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openIncus, type Incus } from '../../../src/host/incus/client.ts';
import type { Notice } from '../../../src/host/incus/events.ts';
import { openLab, type Lab } from '../../lab/lab.ts';

let lab: Lab;
let incus: Incus;
const notices: Notice[] = [];

beforeAll(async () => {
  lab = await openLab({ name: 'incus-events' });
  incus = openIncus({ socketPath: lab.socket, clock: systemClock });
  incus.events.on((notice) => notices.push(notice));
  await incus.events.ready(AbortSignal.timeout(5_000));
}, 120_000);

afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
}, 60_000);

const empty = (name: string) => ({ name, source: { type: 'none' } }) as const;

async function until(condition: () => boolean, ms = 10_000): Promise<void> {
  const end = systemClock.monotonic() + ms;
  while (!condition()) {
    if (systemClock.monotonic() > end) throw new Error(`Not within ${ms} ms; notices: ${JSON.stringify(notices)}`);
    await systemClock.sleep(20);
  }
}

const gaps = () => notices.flatMap((notice) => (notice.kind === 'gap' ? [notice.reason] : []));

test('the first connect is a gap, and what happens afterwards is told by name', async () => {
  expect(gaps()).toEqual(['connected']);
  await incus.operations.finish(await incus.instances.create(empty('one')));
  const created = {
    kind: 'lifecycle',
    action: 'instance-created',
    collection: 'instances',
    name: 'one',
    project: 'default',
  };
  await until(() => notices.some((notice) => notice.kind === 'lifecycle' && notice.action === 'instance-created'));
  expect(notices).toContainEqual(expect.objectContaining(created));
});

test('a killed incusd is a gap, down, and a gap again once it is back; calls work on', async () => {
  notices.length = 0;
  await lab.stopIncusd('SIGKILL');
  await until(() => !incus.events.up);
  await expect(incus.instances.list()).rejects.toMatchObject({
    class: 'transient',
    hint: expect.stringContaining('incus'),
  });
  await lab.startIncusd();
  await until(() => incus.events.up);
  expect(gaps()).toEqual(['disconnected', 'connected']);
  expect((await incus.instances.list()).map(({ name }) => name)).toContain('one');
  expect((await incus.operations.wait(await incus.instances.create(empty('two')))).kind).toBe('success');
});

test('kept connections of a restarted incusd cost a GET nothing', async () => {
  const lists = () => Promise.all(Array.from({ length: 8 }, () => incus.instances.list()));
  for (let round = 0; round < 3; round += 1) {
    expect(await lists()).toHaveLength(8);
    await lab.restartIncusd({ signal: 'SIGKILL' });
    expect(await lists()).toHaveLength(8);
  }
});

test('an operation that dies with incusd ends as unknown', async () => {
  await until(() => incus.events.up);
  const source = { type: 'image', alias: 'busybox' } as const;
  await incus.operations.finish(await incus.instances.create({ name: 'box', source, start: true }));
  // Nothing in there heeds a stop that asks.
  const started = await incus.instances.setState('box', 'stop', { timeoutS: 60 });
  const waiting = incus.operations.wait(started, { timeoutMs: 20_000 });
  await systemClock.sleep(300);
  await lab.restartIncusd({ signal: 'SIGKILL' });
  expect(await waiting).toEqual({ kind: 'unknown' });
});
