import { percentile, report } from './report.ts';
import { Stage } from './stage.ts';

const runs = 25;

/** How long it may take, as a multiple of the bare call. */
const limit = 1.15;

/** A snapshot made and restored through the controller, beside the bare calls on a container just like it. */
export async function snapshot(): Promise<void> {
  await using stage = await Stage.open();
  const { api, raw } = stage;
  await stage.drop('like', 'state = "stopped"');
  await stage.settled(['like']);
  const body = await raw.bodyLike('coi-like', 41_000);
  await stage.alone(() => raw.call('POST', '/1.0/instances', body));
  const path = `/1.0/instances/${body.name}`;
  const own = { name: 'like', snapshot: 'bench', by: 'bench' };
  const [created, restored]: [Pair, Pair] = [noTimes(), noTimes()];
  for (let run = 0; run <= runs; run += 1) {
    const ours = [
      await timed(() => api.createSnapshot(own)),
      await timed(() => api.restoreSnapshot(own)),
      await timed(() => api.deleteSnapshot(own)),
    ] as const;
    const bare = await stage.alone(async () => {
      const made = await timed(() => raw.call('POST', `${path}/snapshots`, { name: 'bench' }));
      const back = await timed(() => raw.call('PUT', path, { restore: 'bench' }));
      await raw.call('DELETE', `${path}/snapshots/bench`);
      return [made, back] as const;
    });
    // The first of each finds cold caches.
    if (run === 0) continue;
    for (const [pair, index] of [
      [created, 0],
      [restored, 1],
    ] as const) {
      pair.ours.push(ours[index]);
      pair.bare.push(bare[index]);
    }
  }
  show('snapshot.create', created);
  show('snapshot.restore', restored);
}

interface Pair {
  readonly ours: number[];
  readonly bare: number[];
}

function noTimes(): Pair {
  return { ours: [], bare: [] };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function show(name: string, { ours, bare }: Pair): void {
  const [own, raw] = [percentile(ours, 50), percentile(bare, 50)];
  const details = { runs, ms: Math.round(own), rawMs: Math.round(raw), p95Ms: Math.round(percentile(ours, 95)) };
  report({ name, value: own / raw, unit: 'ratio', limit, better: 'lower' }, details);
}
