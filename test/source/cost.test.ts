import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { declares, Directory, namesOf, never, parse } from './fixtures/directory.ts';

const count = 1_000;

async function full(): Promise<Directory> {
  const directory = await Directory.create();
  for (let index = 0; index < count; index += 1) await directory.write(`s${index}.toml`, declares(`s${index}`));
  return directory;
}

/** Least processor time of several runs, milliseconds: what it costs, however busy the machine is. */
async function best(runs: number, run: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < runs; round += 1) {
    const start = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

it('a thousand files are read quickly, and only changed ones again', async () => {
  await using directory = await full();
  const silent = { parse: () => ({ manifests: [], problems: [], names: [] }) };
  const cold = await best(4, async () => (await directory.open(silent)).read(never));
  let parsed = 0;
  const source = await directory.open({
    parse: (file) => {
      parsed += 1;
      return parse(file);
    },
  });
  expect(namesOf(await source.read(never))).toHaveLength(count);
  expect(parsed).toBe(count);
  // So recent that their times prove nothing: they are read again, and understood only if they differ.
  await source.read(never);
  expect(parsed).toBe(count);
  await sleep(2_100);
  await source.read(never);
  const unchanged = await best(4, () => source.read(never));
  await directory.save('s7.toml', declares('s7', 'more'));
  expect(namesOf(await source.read(never))).toHaveLength(count + 1);
  expect(parsed).toBe(count + 1);
  expect(cold).toBeLessThan(150);
  expect(unchanged).toBeLessThan(40);
}, 60_000);
