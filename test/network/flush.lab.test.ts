import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sized } from '../helpers/full.ts';
import { until } from '../lab/until.ts';
import { addFlooder, Catcher, isKnownGap } from './flooder.ts';
import { Place, type Guest } from './place.ts';

let place: Place;
let catcher: Catcher;
let flooder: Guest;

beforeAll(async () => {
  place = await Place.open({ name: 'flush', prepare: addFlooder });
  catcher = new Catcher({
    host: place.host(),
    internet: await place.neighbour('internet'),
    private: await place.neighbour('private'),
  });
  await catcher.open();
  flooder = await place.guest('flooder', 'image = "flooder"', 'network.mode = "none"');
});
afterAll(() => place?.[Symbol.asyncDispose]());

const flush = () => place.lab.inside.output(['nft', 'flush', 'ruleset']);

function isLoaded(): Promise<boolean> {
  return place.lab.inside.output(['nft', 'list', 'table', 'inet', 'coi']).then(
    (text) => text.includes(flooder.uid),
    // There is no such table.
    () => false,
  );
}

function withoutKnownGap(caught: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(caught).filter(([key]) => !isKnownGap(key)));
}

describe('a flushed ruleset under a flood', () => {
  it('is back by itself, and opens nothing meanwhile', async () => {
    expect(await catcher.caught()).toEqual({});
    const times: number[] = [];
    for (let cycle = 0; cycle < sized(10, 40); cycle += 1) {
      const began = performance.now();
      await flush();
      await until('the rules', isLoaded, { everyMs: 2, timeoutMs: 5_000 });
      times.push(performance.now() - began);
      await sleep(200);
    }
    const caught = await catcher.caught();
    console.log(`back after at most ${Math.round(Math.max(...times))} ms; passed: ${JSON.stringify(caught)}`);
    expect(withoutKnownGap(caught)).toEqual({});
  });

  it('opens nothing either while the controller is dead', async () => {
    await place.controller.stop('SIGKILL');
    await catcher.caught();
    await sleep(500);
    expect(await catcher.caught()).toEqual({});
    await flush();
    await sleep(1_500);
    const caught = await catcher.caught();
    console.log(`1.5 s without rules and controller; passed: ${JSON.stringify(caught)}`);
    expect(withoutKnownGap(caught)).toEqual({});
    await place.controller.start();
    expect(await isLoaded()).toBe(true);
    await catcher.caught();
    await sleep(300);
    expect(await catcher.caught()).toEqual({});
  });

  it('would open everything if it were not for the second layer', async () => {
    await place.bare(flooder);
    await sleep(300);
    const kinds = new Set(Object.keys(await catcher.caught()).map((key) => key.split(' ')[1]));
    await place.restored(flooder);
    // A forged IPv4 source outside of the prefix is stopped by a kernel setting, which stays.
    expect(kinds).toEqual(new Set(['own4', 'own6', 'sibling4', 'sibling6', 'outside6', 'link6']));
  });
});

describe('a controller that ends under a flood', () => {
  it('leaves the rules, and starting again opens nothing', async () => {
    await place.controller.ready('flooder', 'running');
    await catcher.caught();
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      await place.controller.stop(signal);
      await sleep(200);
      expect(await isLoaded()).toBe(true);
      let missing = 0;
      const over = new AbortController();
      const sampling = (async () => {
        while (!over.signal.aborted) if (!(await isLoaded())) missing += 1;
      })();
      await place.controller.start();
      await sleep(300);
      over.abort();
      await sampling;
      expect(missing).toBe(0);
    }
    expect(await catcher.caught()).toEqual({});
  });
});
