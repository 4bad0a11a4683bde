import { afterAll, beforeAll, expect, test } from 'vitest';
import { FittingImages, fitNewUser } from '../../src/apply/fit-user.ts';
import { systemClock } from '../../src/base/clock.ts';
import { openIncus, type Incus } from '../../src/host/incus/client.ts';
import { createContainer } from '../lab/create.ts';
import { openLab, type Lab } from '../lab/lab.ts';

let lab: Lab;
let incus: Incus;

beforeAll(async () => {
  lab = await openLab({ name: 'fit', images: ['system'] });
  incus = openIncus({ socketPath: `${lab.incusDir}/unix.socket`, project: 'default', clock: systemClock });
  await createContainer(lab, { name: 'box', number: 7, image: 'system' });
});
afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

test('an image is known to fit only by what came with it, however often a container of it was asked', async () => {
  const fittingImages = new FittingImages();
  const { signal } = new AbortController();
  const task = { hands: { incus, fittingImages }, step: { instance: 'box' }, signal };
  const image = (await incus.instances.get('box', { signal })).value.imageFingerprint!;
  const [usual, other] = [1_000, 4_321].map((uid) => ({ uid, name: 'code' }));
  await fitNewUser(task, usual!);
  expect(fittingImages.has(image, usual!)).toBe(true);
  // Incus may lose sight of a program that runs, and then it runs once more.
  for (let times = 0; times < 2; times += 1) await fitNewUser(task, other!);
  expect(await lab.incus('exec', 'box', '--', 'id', '-u', 'code')).toBe('4321');
  expect(fittingImages.has(image, other!)).toBe(false);
});
