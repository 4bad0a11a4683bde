import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openIncus, type Incus } from '../../src/host/incus/client.ts';
import { until } from '../lab/until.ts';
import { openDesk, type Desk } from '../session/desk.ts';

let desk: Desk;
let incus: Incus;

beforeAll(async () => {
  desk = await openDesk('identity', ['system']);
  incus = openIncus({ socketPath: desk.lab.socket, clock: systemClock });
});
afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await desk?.[Symbol.asyncDispose]();
});

const inside = (instance: string, script: string) =>
  desk.lab.incus('exec', instance, '--', 'sh', '-c', script).then((text) => text.trim());

it('an image of a running system is none of its own: what is made from it has its own names, numbers and addresses', async () => {
  await desk.controller.declare('first', 'image = "system"');
  await desk.controller.ready('first', 'running');
  const published = await desk.coi(desk.lab.dir, ['image', 'publish', 'first', 'derived']);
  expect(published).toMatchObject({ exitCode: 0 });
  const image = await incus.images.get((await incus.images.resolve('derived'))!);
  // How the one that it was made from was built says nothing of this one.
  const [system] = (await incus.images.list()).filter(({ aliases }) => aliases.includes('system'));
  expect(Object.keys(system!.properties)).toContain('coi.recipe');
  expect(Object.keys(image.properties).filter((key) => key.includes('coi.'))).toEqual([]);
  expect(image.properties).toMatchObject({ os: 'coi', release: system!.properties['release'] });

  for (const name of ['second', 'third']) await desk.controller.declare(name, 'image = "derived"');
  const all = ['first', 'second', 'third'];
  const identities = await Promise.all(
    all.map(async (name) => {
      const { instance, ipv4 } = await desk.controller.ready(name, 'running');
      const hasAddress = async () => (await inside(instance, 'ip -4 addr show eth0')).includes(`inet ${ipv4}/`);
      await until(`${instance} to have its own address`, hasAddress, { timeoutMs: 60_000 });
      const machine = async () => (await inside(instance, 'cat /etc/machine-id')) || undefined;
      return { host: await inside(instance, 'hostname'), machine: await until('a machine id', machine), ipv4 };
    }),
  );
  expect(identities.map(({ host }) => host)).toEqual(all.map((name) => `coi-${name}`));
  expect(new Set(identities.map(({ machine }) => machine)).size).toBe(3);
  expect(new Set(identities.map(({ ipv4 }) => ipv4)).size).toBe(3);
});
