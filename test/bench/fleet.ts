import { percentile, report } from './report.ts';
import { Stage } from './stage.ts';
import type { Body } from './raw-incus.ts';

const size = 50;
const rounds = 5;

/** Manifests dropped all at once until all sandboxes run, beside the same number of bare calls, 4 and 8 at a time. */
export async function fleet(): Promise<void> {
  const workers = process.env['COI_BENCH_WORKERS'];
  await using stage = await Stage.open(workers ? { workers: Number(workers) } : {});
  // The first one of all finds cold caches.
  await stage.drop('warm');
  await stage.settled(['warm']);
  const bodies = await Promise.all(
    Array.from({ length: size }, (_, index) => stage.raw.bodyLike('coi-warm', 40_000 + index)),
  );
  const ways = [
    { name: 'ours', times: [] as number[], run: () => dropAll(stage) },
    { name: 'raw4', times: [] as number[], run: () => stage.alone(() => createAll(stage, bodies, 4)) },
    { name: 'raw8', times: [] as number[], run: () => stage.alone(() => createAll(stage, bodies, 8)) },
  ];
  for (let round = 0; round < rounds; round += 1) {
    // In another order each time: what one leaves behind is cleaned up while the next one runs.
    for (let turn = 0; turn < ways.length; turn += 1) {
      const way = ways[(round + turn) % ways.length]!;
      way.times.push(await way.run());
    }
  }
  const [own = Number.NaN, ...raw] = ways.map(({ times }) => percentile(times, 50));
  const details = Object.fromEntries(ways.map(({ name, times }) => [`${name}Ms`, times.map(Math.round)]));
  report(
    { name: 'fleet', value: own / Math.min(...raw), unit: 'ratio', limit: 1.25, better: 'lower' },
    { sandboxes: size, runs: rounds, ...details },
  );
}

/** @returns milliseconds until the last of them runs; then has them deleted */
async function dropAll(stage: Stage): Promise<number> {
  const names = Array.from({ length: size }, (_, index) => `fleet${index}`);
  const started = Promise.all(names.map((name) => stage.raw.next('instance-started', `coi-${name}`)));
  const dropped = await stage.dropAll(names);
  const took = Math.max(...(await started)) - dropped;
  await stage.settled(names);
  await stage.clear(names);
  return took;
}

/** @returns milliseconds until the last of them runs; then deletes them */
async function createAll({ raw }: Stage, bodies: readonly Body[], width: number): Promise<number> {
  const began = performance.now();
  const left = bodies.values();
  const worker = async () => {
    for (const body of left) await raw.create(body);
  };
  await Promise.all(Array.from({ length: width }, worker));
  const took = performance.now() - began;
  const gone = bodies.values();
  const remover = async () => {
    for (const { name } of gone) await raw.destroy(name);
  };
  await Promise.all(Array.from({ length: 8 }, remover));
  return took;
}
