import { reportBeside } from './report.ts';
import { Stage } from './stage.ts';

const runs = 25;

/** From the end of a deletion by hand to a sandbox that runs again, beside the bare calls that create and start one. */
export async function healInstance(): Promise<void> {
  await using stage = await Stage.open();
  const { raw } = stage;
  const instance = 'coi-heal';
  await stage.drop('heal');
  await stage.settled(['heal']);
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run += 1) {
    const body = await raw.bodyLike(instance, 40_000 + run);
    const tookBare = await stage.alone(async () => {
      const ms = await raw.create(body);
      await raw.destroy(body.name);
      return ms;
    });
    const deleted = raw.next('instance-deleted', instance);
    // Starts before the deletion are answers to the stop that comes before it.
    const started = deleted.then(() => raw.next('instance-started', instance));
    await raw.destroyAgainst(instance);
    const took = (await started) - (await deleted);
    await stage.settled(['heal']);
    // The first of each finds cold caches.
    if (run === 0) continue;
    ours.push(took);
    bare.push(tookBare);
  }
  reportBeside('heal-instance', ours, bare);
}
