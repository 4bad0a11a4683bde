import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openIncus, type Incus } from '../../../src/host/incus/client.ts';
import { cachedImage } from '../../lab/image-cache.ts';
import { openLab, type Lab } from '../../lab/lab.ts';

let lab: Lab;
let incus: Incus;

beforeAll(async () => {
  lab = await openLab({ name: 'incus-res' });
  incus = openIncus({ socketPath: lab.socket, clock: systemClock });
}, 120_000);

afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
}, 60_000);

test('server() says what incusd is', async () => {
  const server = await incus.server();
  expect(server.version).toMatch(/^\d+\.\d+/);
  expect(server).toMatchObject({ isTrusted: true, isClustered: false });
  expect(server.extensions.has('instances')).toBe(true);
  expect(server.storageDrivers).toContain('btrfs');
});

test('an image is found, moved between aliases, deleted and imported again from two files', async () => {
  const fingerprint = (await incus.images.resolve('busybox'))!;
  expect(await incus.images.resolve('nope')).toBeUndefined();
  expect(await incus.images.get(fingerprint)).toMatchObject({ fingerprint, type: 'container', aliases: ['busybox'] });
  await incus.images.setAlias('other/name', fingerprint);
  await incus.images.setAlias('other/name', fingerprint);
  expect(await incus.images.resolve('other/name')).toBe(fingerprint);
  await incus.images.deleteAlias('other/name');
  expect(await incus.images.resolve('other/name')).toBeUndefined();

  const { meta, rootfs } = await cachedImage('busybox');
  const twice = await incus.images.import({ metadata: meta, rootfs });
  await expect(incus.operations.finish(twice)).rejects.toMatchObject({ class: 'conflict', code: 'incus.image-made' });
  await incus.operations.finish(await incus.images.delete(fingerprint));
  const metadata = await incus.operations.finish(await incus.images.import({ metadata: meta, rootfs }));
  expect(metadata['fingerprint']).toBe(fingerprint);
  expect((await incus.images.list()).map((image) => image.fingerprint)).toEqual([fingerprint]);
  await incus.images.setAlias('busybox', fingerprint);
});

test('an image is imported from one file', async () => {
  const { meta, rootfs } = await cachedImage('busybox');
  const unified = `${lab.dir}/unified.tar.gz`;
  const script =
    'mkdir -p "$1/u/rootfs" && tar -C "$1/u" -xf "$2" && tar -C "$1/u/rootfs" -xf "$3" && tar -C "$1/u" -czf "$4" .';
  expect((await lab.run(['sh', '-ec', script, 'sh', lab.dir, meta, rootfs, unified])).exitCode).toBe(0);
  const { fingerprint } = await incus.operations.finish(await incus.images.import({ unified }));
  expect(await incus.images.get(String(fingerprint))).toMatchObject({ fingerprint });
});

test('networks are made, changed by compare-and-swap, and deleted', async () => {
  expect(await incus.networks.list()).toContainEqual(
    expect.objectContaining({ name: 'coibr0', isManaged: true, type: 'bridge' }),
  );
  const config = { 'ipv4.address': '10.91.0.1/24', 'ipv6.address': 'none', 'ipv4.nat': 'false' };
  await incus.networks.create({ name: 'testbr9', type: 'bridge', config });
  await expect(incus.networks.create({ name: 'testbr9', type: 'bridge', config })).rejects.toMatchObject({
    code: 'incus.taken',
  });
  const { value, etag } = await incus.networks.get('testbr9');
  expect(value).toMatchObject({ status: 'Created', config, usedBy: [] });
  await incus.networks.patch('testbr9', { 'user.x': '1' }, { etag });
  await expect(incus.networks.patch('testbr9', { 'user.x': '2' }, { etag })).rejects.toMatchObject({
    class: 'conflict',
  });
  const state = await incus.networks.state('testbr9');
  expect(state.addresses).toContainEqual(expect.objectContaining({ address: '10.91.0.1', netmask: '24' }));
  await incus.networks.delete('testbr9');
  await expect(incus.networks.get('testbr9')).rejects.toMatchObject({ class: 'gone' });
  await expect(incus.networks.state('testbr9')).rejects.toMatchObject({ class: 'gone' });
});

test('storage pools are made, measured and deleted', async () => {
  await incus.storage.create({ name: 'second', driver: 'dir', config: {} });
  expect((await incus.storage.list()).map(({ name }) => name).toSorted()).toEqual(['default', 'second']);
  expect(await incus.storage.get('default')).toMatchObject({ driver: 'btrfs', status: 'Created' });
  const { usedBytes, totalBytes } = await incus.storage.space('default');
  expect(usedBytes).toBeGreaterThan(0);
  expect(totalBytes).toBeGreaterThan(usedBytes);
  await incus.storage.delete('second');
  await expect(incus.storage.get('second')).rejects.toMatchObject({ class: 'gone' });
});

test('a full storage pool fails the create as quota, with a hint', async () => {
  const size = { size: '120MiB' };
  await incus.storage.create({ name: 'tiny', driver: 'btrfs', config: size });
  const blob = `${lab.dir}/fat`;
  const script =
    'mkdir -p "$1/rootfs" && tar -C "$1" -xf "$2" && head -c 150M /dev/urandom > "$1/rootfs/blob" && tar -C "$1" -cf "$1.tar" .';
  const { meta } = await cachedImage('busybox');
  expect((await lab.run(['sh', '-ec', script, 'sh', blob, meta])).exitCode).toBe(0);
  const { fingerprint } = await incus.operations.finish(await incus.images.import({ unified: `${blob}.tar` }));
  const devices = { root: { type: 'disk', path: '/', pool: 'tiny' } };
  const source = { type: 'image', fingerprint: String(fingerprint) } as const;
  const outcome = await incus.operations.wait(await incus.instances.create({ name: 'fat', source, devices }));
  expect(outcome).toMatchObject({
    kind: 'failure',
    error: { class: 'quota', hint: expect.stringContaining('storage') },
  });
}, 60_000);

test('profiles are made, changed and deleted; one that is used is not', async () => {
  await incus.profiles.create('extra', { description: 'x', config: { 'limits.processes': '500' }, devices: {} });
  const { value, etag } = await incus.profiles.get('extra');
  expect(value).toMatchObject({ name: 'extra', description: 'x', config: { 'limits.processes': '500' } });
  await incus.profiles.patch('extra', { config: { 'limits.processes': '600' } }, { etag });
  expect((await incus.profiles.get('extra')).value.config).toEqual({ 'limits.processes': '600' });
  const used = { name: 'user', source: { type: 'none' }, profiles: ['default', 'extra'] } as const;
  await incus.operations.finish(await incus.instances.create(used));
  await expect(incus.profiles.delete('extra')).rejects.toMatchObject({ code: 'incus.in-use' });
  await incus.operations.finish(await incus.instances.delete('user'));
  await incus.profiles.delete('extra');
  expect((await incus.profiles.list()).map(({ name }) => name)).toEqual(['default']);
});

test('a client with a project sees that project only', async () => {
  await lab.incus('project', 'create', 'apart', '-c', 'features.profiles=false');
  await using apart = openIncus({ socketPath: lab.socket, clock: systemClock, project: 'apart' });
  await apart.operations.finish(await apart.instances.create({ name: 'there', source: { type: 'none' } }));
  expect((await apart.instances.list()).map(({ name, project }) => [name, project])).toEqual([['there', 'apart']]);
  expect((await incus.instances.list()).map(({ name }) => name)).not.toContain('there');
});
