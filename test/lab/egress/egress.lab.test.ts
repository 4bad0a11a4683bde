import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { merge, type Outcome } from './outcome.ts';
import { Stage } from './stage.ts';
import { renderTable } from './table.ts';
import { expectedSpots, modeNames, type Mode, type Spot, type Technique } from './technique.ts';
import { techniques } from './techniques.ts';

/** Who tries everything once more when nothing is in the way: the one that may do the least. */
const bareMode = 'none';
/** A packet that may pass can still get lost on a busy machine, while addresses are looked for. */
const mostRuns = 4;

let stage: Stage;
let guarded: Outcome;
let bare: Outcome;

beforeAll(async () => {
  stage = await Stage.open(techniques);
  guarded = await runUntilArrived(modeNames, expectedSpots);
  await stage.bare();
  bare = await runUntilArrived([bareMode], (technique) => technique.bare);
  console.log(renderTable(techniques, guarded, bare));
  console.log(`${techniques.length} techniques, ${modeNames.length} modes`);
}, 400_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

/** Carries everything out, and what should have arrived but has not some times more. */
async function runUntilArrived(
  by: readonly Mode[],
  wanted: (technique: Technique, mode: Mode) => readonly Spot[],
): Promise<Outcome> {
  const outcome = await stage.run(techniques, by);
  for (let runs = 1; runs < mostRuns; runs += 1) {
    const missing = techniques.filter((technique, number) =>
      by.some((mode) => wanted(technique, mode).some((spot) => !arrived(outcome, number, mode).includes(spot))),
    );
    if (missing.length === 0) break;
    merge(outcome, await stage.run(missing, by));
  }
  return outcome;
}

function arrived({ arrived: all }: Outcome, number: number, mode: Mode): Spot[] {
  return [...(all.get(`${number} ${modeNames.indexOf(mode)}`)?.keys() ?? [])];
}

const cases = techniques.map((technique, number) => ({ technique, number, name: technique.name }));

describe.each(cases)('$name', ({ technique, number }) => {
  it('arrives where it may and nowhere else, in every mode', () => {
    const faults = modeNames.flatMap((mode) => faultsOf(technique, number, mode).map((fault) => `${mode}: ${fault}`));
    expect(faults).toEqual([]);
  });

  it('arrives when nothing is in the way', () => {
    expect(bare.sent.get(`${number} ${modeNames.indexOf(bareMode)}`)?.bytes).toBeGreaterThan(0);
    expect(arrived(bare, number, bareMode)).toEqual(expect.arrayContaining([...technique.bare]));
  });
});

/** What is not as it should be. */
function faultsOf(technique: Technique, number: number, mode: Mode): string[] {
  const key = `${number} ${modeNames.indexOf(mode)}`;
  const may = expectedSpots(technique, mode);
  const seen = arrived(guarded, number, mode);
  const missing = technique.contended ? [] : may.filter((spot) => !seen.includes(spot));
  const { atMost } = technique;
  const packets = atMost?.modes.includes(mode) ? (guarded.arrived.get(key)?.get(atMost.spot)?.packets ?? 0) : 0;
  return [
    ...(guarded.sent.has(key) ? [] : ['nothing was sent']),
    ...seen.filter((spot) => !may.includes(spot)).map((spot) => `arrived at ${spot}`),
    ...missing.map((spot) => `did not arrive at ${spot}`),
    ...(packets > (atMost?.packets ?? 0) ? [`${packets} packets arrived`] : []),
  ];
}

it('everything could be sent', () => {
  expect([...guarded.died, ...bare.died]).toEqual([]);
});

it('nothing arrived anywhere that nobody sent', () => {
  expect(guarded.stray.filter((frame) => !isByHost(frame))).toEqual([]);
});

/** What the host itself asks its name server, by UDP or TCP. */
function isByHost(stray: string): boolean {
  return /^internet .* [0-9a-f]{28}45[0-9a-f]{16}(?:11|06)[0-9a-f]{4}cb007101cb00710a[0-9a-f]{4}0035/.test(stray);
}
