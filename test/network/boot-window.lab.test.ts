import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sized } from '../helpers/full.ts';
import { addFlooder, Catcher } from './flooder.ts';
import { Place } from './place.ts';

let place: Place;
let catcher: Catcher;

beforeAll(async () => {
  place = await Place.open({ name: 'boot', prepare: addFlooder });
  catcher = new Catcher({
    host: place.host(),
    internet: await place.neighbour('internet'),
    private: await place.neighbour('private'),
  });
  await catcher.open();
});
afterAll(() => place?.[Symbol.asyncDispose]());

const image = 'image = "flooder"';

/** Boots the flooder once, lets it flood for a while, and takes it away again. */
async function boot(name: string, mode: string): Promise<{ caught: Record<string, number>; denied: number }> {
  await place.controller.declare(name, image, `network.mode = "${mode}"`);
  await place.controller.ready(name, 'running');
  await sleep(300);
  const denied = await deniedTo(name);
  await place.controller.declare(name, image, 'state = "absent"');
  await place.controller.when(name, ({ state }) => state === 'absent');
  return { caught: await catcher.caught(), denied };
}

/** Packets of a sandbox that the tables dropped; 0 while they have none of it. */
async function deniedTo(name: string): Promise<number> {
  const { uid = '' } = (await place.controller.sandbox(name)) ?? {};
  const rules = await place.lab.inside.output(['nft', 'list', 'table', 'inet', 'coi']);
  const counts = rules.matchAll(/counter packets (\d+) bytes \d+ comment "(\w+)"/g);
  return [...counts].reduce((sum, [, packets, owner]) => (owner === uid ? sum + Number(packets) : sum), 0);
}

it('nothing leaves a sandbox while it boots, whatever its init does first', async () => {
  let denied = 0;
  const boots = sized(5, 20);
  for (let count = 0; count < boots; count += 1) {
    const { caught, denied: more } = await boot(`boot${count}`, 'none');
    expect(caught).toEqual({});
    expect(more).toBeGreaterThan(100);
    denied += more;
  }
  console.log(`${boots} boots: ${denied} packets denied, none got through`);
});

it('in mode restricted, only what it may send does, under its own address', async () => {
  const { caught } = await boot('restricted', 'restricted');
  expect(Object.keys(caught).toSorted()).toEqual(['internet own4', 'internet own6']);
});

it('in mode open, private networks get it too', async () => {
  const { caught } = await boot('open', 'open');
  const expected = ['internet own4', 'internet own6', 'private own4', 'private own6'];
  expect(Object.keys(caught).toSorted()).toEqual(expected);
});
