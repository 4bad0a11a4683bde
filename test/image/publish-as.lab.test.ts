import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import { openIncus, type Incus } from '../../src/host/incus/client.ts';
import { publishAs } from '../../src/image/publish-as.ts';
import { publishImage } from '../../src/image/publish.ts';
import { temporaryMs, temporaryName } from '../../src/image/temporary.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';

let lab: Lab;
let incus: Incus;
const { signal } = new AbortController();

beforeAll(async () => {
  lab = await openLab({ name: 'publish' });
  incus = openIncus({ socketPath: lab.socket, clock });
  await lab.incus('launch', 'busybox', 'box', '-c', 'user.coi.name=box', '-c', 'security.protection.delete=true');
}, 120_000);

afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
}, 60_000);

const images = async () => (await incus.images.list()).map(({ fingerprint }) => fingerprint).toSorted();
const fill = (mib: number) =>
  lab.incus('exec', 'box', '--', 'dd', 'if=/dev/urandom', 'of=/big', 'bs=1M', `count=${mib}`);
const packing = async () => (await incus.operations.running()).some((each) => each.description === 'Downloading image');
const box = { instance: 'box', alias: 'tools' };

test('a running instance goes on, and only its files are in the image', async () => {
  const { pid } = await incus.instances.state('box');
  const { image, formerly } = await publishAs(
    { incus, clock, signal },
    { ...box, properties: { description: 'd', 'coi.definition': 'x' } },
  );
  expect(formerly).toBeUndefined();
  expect((await incus.instances.state('box')).pid).toBe(pid);
  expect(await incus.snapshots.names('box')).toEqual([]);
  expect(await incus.images.get(image.fingerprint)).toMatchObject({
    aliases: ['tools'],
    properties: { description: 'd', 'coi.definition': 'x', os: 'busybox' },
  });
  // What is made from it was made by nothing that its own maker was made by.
  await lab.incus('launch', 'tools', 'heir');
  const { value } = await incus.instances.get('heir');
  expect(Object.keys(value.config).filter((key) => key.startsWith('user.') || key.startsWith('security.'))).toEqual([]);
  const next = await publishAs({ incus, clock, signal }, { instance: 'heir', alias: 'next' });
  expect((await incus.images.get(next.image.fingerprint)).properties).toEqual({ description: 'd', os: 'busybox' });
}, 60_000);

test('an alias never stands for nothing while it moves, and what it stood for gets a name', async () => {
  const former = await incus.images.resolve('tools');
  const stop = new AbortController();
  const seen = new Set<string | undefined>();
  const ask = async () => {
    while (!stop.signal.aborted) seen.add(await incus.images.resolve('tools'));
  };
  const asking = Promise.all([ask(), ask(), ask()]);
  const { image, formerly } = await publishAs({ incus, clock, signal }, box);
  for (let round = 0; round < 50; round += 1) {
    await incus.images.setAlias('tools', former!);
    await incus.images.setAlias('tools', image.fingerprint);
  }
  stop.abort();
  await asking;
  expect(seen).toEqual(new Set([former, image.fingerprint]));
  expect(formerly).toEqual({ fingerprint: former, alias: expect.stringMatching(/^tools-\d{8}-\d{6}$/) });
  expect((await incus.images.get(former!)).aliases).toEqual([formerly!.alias]);
}, 60_000);

test('whatever ends it, no image is left that is not whole', async () => {
  const before = await images();
  await fill(120);
  const slow = { ...box, compression: ['gzip'] };
  const caller = new AbortController();
  const interrupted = publishAs({ incus, clock, signal: caller.signal }, slow);
  await until('it to be packed', packing, { timeoutMs: 30_000 });
  caller.abort(new Error('enough'));
  await expect(interrupted).rejects.toThrow('enough');
  expect([await images(), await incus.snapshots.names('box')]).toEqual([before, []]);

  const told: string[] = [];
  const onProgress = (text: string) => told.push(text);
  const orphaned = publishAs({ incus, clock, signal }, { ...slow, onProgress }).catch((error: unknown) => error);
  await until('it to be packed', () => told.length > 0, { timeoutMs: 30_000 });
  expect(told[0]).toMatch(/^Image pack: \d+%/);
  const [snapshot] = await incus.snapshots.names('box');
  await incus.operations.finish(await incus.snapshots.delete({ instance: 'box', snapshot: snapshot! }));
  expect(await orphaned).toMatchObject({ code: 'image.source-gone' });
  expect(await images()).toEqual(before);
}, 120_000);

test('an alias that is taken leaves no image without a name', async () => {
  const before = await images();
  await lab.incus('exec', 'box', '--', 'rm', '/big');
  await lab.incus('snapshot', 'create', 'box', 'still');
  const origin = { instance: 'box', snapshot: 'still' };
  const taken = publishImage({ incus, clock, signal }, { origin, aliases: ['busybox'] });
  await expect(taken).rejects.toMatchObject({ code: 'incus.taken' });
  expect(await images()).toEqual(before);
}, 60_000);

test('the first way to pack that the host has is taken', async () => {
  const origin = { instance: 'box', snapshot: 'still' };
  const compression = ['no-such-program', 'none'];
  const { sizeBytes } = await publishImage({ incus, clock, signal }, { origin, aliases: ['plain'], compression });
  const packed = await publishImage(
    { incus, clock, signal },
    { origin, aliases: ['packed'], compression: ['no-such-program'] },
  );
  expect(sizeBytes).toBeGreaterThan(packed.sizeBytes);
}, 60_000);

test('the same, made again within the second, is an image of its own', async () => {
  const origin = { instance: 'box', snapshot: 'still' };
  const make = (alias: string) => publishImage({ incus, clock, signal }, { origin, aliases: [alias] });
  const made = [await make('first'), await make('second'), await make('third')];
  expect(new Set(made.map(({ fingerprint }) => fingerprint)).size).toBe(3);
  for (const { fingerprint } of made) await incus.operations.finish(await incus.images.delete(fingerprint));
}, 60_000);

test('what somebody left who was killed is removed, and nothing that is in the making', async () => {
  const [old, young] = [{ now: () => Date.now() - 2 * temporaryMs }, clock].map(temporaryName);
  await incus.images.setAlias(old!, (await incus.images.resolve('plain'))!);
  await incus.images.deleteAlias('plain');
  await incus.images.setAlias(young!, (await incus.images.resolve('packed'))!);
  await incus.images.deleteAlias('packed');
  await publishAs({ incus, clock, signal }, box);
  expect([await incus.images.resolve(old!), typeof (await incus.images.resolve(young!))]).toEqual([
    undefined,
    'string',
  ]);
}, 60_000);

test('what an alias stood for stays, also where whoever published it was killed once it had its name', async () => {
  const old = temporaryName({ now: () => Date.now() - 2 * temporaryMs });
  const former = (await incus.images.resolve('tools'))!;
  await incus.images.setAlias(old, former);
  const { formerly } = await publishAs({ incus, clock, signal }, box);
  expect(formerly).toEqual({ fingerprint: former, alias: expect.stringMatching(/^tools-\d{8}-\d{6}$/) });
  expect((await incus.images.get(former)).aliases).toEqual([formerly!.alias]);
}, 60_000);
