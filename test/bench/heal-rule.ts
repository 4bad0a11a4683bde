import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../lab/until.ts';
import { percentile, report } from './report.ts';
import { RuleWatch } from './rule-watch.ts';
import { Stage } from './stage.ts';

const runs = 120;

/** Ways to lose a chain: a hook taken away, and chains left standing without what they say. */
const losses = [
  { chain: 'inet coi forward', how: 'delete' },
  { chain: 'bridge coi guard', how: 'flush' },
  { chain: 'inet coi judge', how: 'delete' },
  { chain: 'inet coi restricted', how: 'flush' },
] as const;

/** From a chain that somebody deletes to the same chain back again, as the kernel's own notifications tell it. */
export async function healRule(): Promise<void> {
  await using stage = await Stage.open();
  await using watch = new RuleWatch(stage.lab);
  await stage.drop('heal');
  await stage.settled(['heal']);
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const { chain, how } = losses[run % losses.length]!;
    const before = await rulesText(stage, chain);
    const gone = watch.next({ verb: 'delete', chain });
    const back = gone.then(() => watch.next({ verb: 'add', chain }));
    await stage.lab.inside.output(['nft', how, 'chain', ...chain.split(' ')]);
    times.push((await back) - (await gone));
    await until(`${chain} as before`, async () => (await rulesText(stage, chain)) === before);
    // Another time each run, so that no rhythm of the controller's own hides or helps.
    await sleep(50 + 200 * Math.random());
  }
  const details = { runs, p50Ms: Math.round(percentile(times, 50)), maxMs: Math.round(Math.max(...times)) };
  report({ name: 'heal-rule', value: percentile(times, 99), unit: 'ms', limit: 300, better: 'lower' }, details);
}

async function rulesText({ lab }: Stage, chain: string): Promise<string> {
  const text = await lab.inside.output(['nft', 'list', 'chain', ...chain.split(' ')]);
  return text.replaceAll(/packets \d+ bytes \d+/g, '');
}
