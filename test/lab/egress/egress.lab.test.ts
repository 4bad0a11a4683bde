import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Stage, type Outcome } from './stage.ts';
import { expectedSpots, modeNames } from './technique.ts';
import { techniques } from './techniques.ts';

let stage: Stage;
let guarded: Outcome;
let bare: Outcome;

beforeAll(async () => {
  stage = await Stage.open(techniques);
  guarded = await stage.run(techniques);
  await stage.bare();
  bare = await stage.run(techniques, ['none']);
  for (const [key, spots] of guarded.arrived) console.log('guarded', key, techniques[Number(key.split(' ')[0])]?.name, modeNames[Number(key.split(' ')[1])], JSON.stringify([...spots]));
  for (const [key, spots] of bare.arrived) console.log('bare', key, techniques[Number(key.split(' ')[0])]?.name, JSON.stringify(bare.sent.get(key)), JSON.stringify([...spots]));
  console.log(guarded.died, guarded.stray, bare.died, bare.stray);
});
afterAll(() => stage?.[Symbol.asyncDispose]());

describe.each(techniques.map((technique, number) => ({ technique, number, name: technique.name })))('$name', ({ technique, number }) => {
  it.each(modeNames)('in mode %s', (mode) => {
    const key = `${number} ${modeNames.indexOf(mode)}`;
    expect(guarded.sent.get(key)?.bytes).toBeGreaterThan(0);
    const spots = [...(guarded.arrived.get(key)?.keys() ?? [])].toSorted();
    if (technique.contended) expect(expectedSpots(technique, mode)).toEqual(expect.arrayContaining(spots));
    const { atMost } = technique;
    if (atMost?.modes.includes(mode)) expect(guarded.arrived.get(key)?.get(atMost.spot)?.packets ?? 0).toBeLessThanOrEqual(atMost.packets);
    if (!technique.contended) expect(spots).toEqual(expectedSpots(technique, mode).toSorted());
  });
  it('arrives when nothing is in the way', () => {
    const spots = [...(bare.arrived.get(`${number} 0`)?.keys() ?? [])];
    expect(spots).toEqual(expect.arrayContaining([...technique.bare]));
  });
});
