import { reportBeside } from './report.ts';
import { Stage } from './stage.ts';

const runs = 25;

/** From a file that is saved to a sandbox that runs, beside the bare calls that create and start one like it. */
export async function spawn(): Promise<void> {
  await using stage = await Stage.open();
  const { raw } = stage;
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run += 1) {
    const name = `spawn${run}`;
    const started = raw.next('instance-started', `coi-${name}`);
    const saved = await stage.drop(name);
    const took = (await started) - saved;
    await stage.settled([name]);
    const body = await raw.bodyLike(`coi-${name}`, 40_000 + run);
    await stage.clear([name]);
    const tookBare = await stage.alone(async () => {
      const ms = await raw.create(body);
      await raw.destroy(body.name);
      return ms;
    });
    // The first of each finds cold caches.
    if (run === 0) continue;
    ours.push(took);
    bare.push(tookBare);
  }
  reportBeside('spawn', ours, bare);
}
