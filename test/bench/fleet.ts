import { percentile, report } from './report.ts';
import { Stage } from './stage.ts';
import type { Body } from './raw-incus.ts';

const size = 50;
const rounds = 3;

/** Manifests dropped all at once until all sandboxes run, beside the same number of bare calls, 4 and 8 at a time. */
export async function fleet(): Promise<void> {
  const workers = process.env['COI_BENCH_WORKERS'];
  await using stage = await Stage.open(workers ? { workers: Number(workers) } : {});
  const ours: number[] = [];
  const bare: Record<4 | 8, number[]> = { 4: [], 8: [] };
  const names = Array.from({ length: size }, (_, index) => `fleet${index}`);
  let bodies: Body[] | undefined;
  for (let round = 0; round < rounds; round += 1) {
    const started = Promise.all(names.map((name) => stage.raw.next('instance-started', `coi-${name}`)));
    const dropped = await stage.dropAll(names);
    ours.push(Math.max(...(await started)) - dropped);
    await stage.settled(names);
    bodies ??= await Promise.all(names.map((name, index) => stage.raw.bodyLike(`coi-${name}`, 40_000 + index)));
    await stage.clear(names);
    for (const width of [4, 8] as const) bare[width].push(await stage.alone(() => createAll(stage, bodies!, width)));
  }
  const [own, ...raws] = [ours, bare[4], bare[8]].map((times) => percentile(times, 50));
  const better = Math.min(...raws);
  const details = { sandboxes: size, runs: rounds, ms: Math.round(own!), rawMs: Math.round(better), rawTimes: bare };
  report({ name: 'fleet', value: own! / better, unit: 'ratio', limit: 1.25, better: 'lower' }, { ...details, ours });
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
