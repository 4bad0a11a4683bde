import { percentile, report } from './report.ts';
import { installedCoi } from './package.ts';
import { Stage } from './stage.ts';

const runs = 40;
const sandboxes = 50;

/** How quickly the program answers, beside node that does nothing and beside incus. */
export async function cli(): Promise<void> {
  await using stage = await Stage.open();
  const coi = await installedCoi();
  const names = Array.from({ length: sandboxes }, (_, index) => `cli${index}`);
  await stage.dropAll(names, (index) => (index < 20 ? '' : 'state = "stopped"'));
  await stage.settled(names, { timeoutMs: 120_000 });
  const help = await compare(stage, [coi, '--help'], [process.execPath, '-e', '0']);
  const more = help.ours - help.theirs;
  report({ name: 'cli.help', value: more, unit: 'ms more than node', limit: 60, better: 'lower' }, { runs, ...help });
  const list = await compare(stage, [coi, 'list'], ['incus', 'list']);
  const ratio = list.ours / list.theirs;
  report({ name: 'cli.list', value: ratio, unit: 'ratio', limit: 0.7, better: 'lower' }, { runs, sandboxes, ...list });
}

/** All about 50 sandboxes that run, as a program reads it. */
export async function list50(): Promise<void> {
  await using stage = await Stage.open();
  const names = Array.from({ length: sandboxes }, (_, index) => `list${index}`);
  await stage.dropAll(names);
  await stage.settled(names, { timeoutMs: 120_000 });
  const json = ['list', '--format', 'json'];
  const list = await compare(stage, [await installedCoi(), ...json], ['incus', ...json]);
  const ratio = list.ours / list.theirs;
  report({ name: 'list-50', value: ratio, unit: 'ratio', limit: 0.7, better: 'lower' }, { runs, sandboxes, ...list });
}

/** Runs two programs in turn. @returns their times at p50, in milliseconds */
async function compare(
  stage: Stage,
  ours: readonly string[],
  theirs: readonly string[],
): Promise<{ ours: number; theirs: number }> {
  const times = { ours: [] as number[], theirs: [] as number[] };
  for (let run = 0; run <= runs; run += 1) {
    const took = { ours: await timed(stage, ours), theirs: await timed(stage, theirs) };
    // The first of each finds cold caches.
    if (run === 0) continue;
    times.ours.push(took.ours);
    times.theirs.push(took.theirs);
  }
  return { ours: percentile(times.ours, 50), theirs: percentile(times.theirs, 50) };
}

async function timed({ lab, env }: Stage, argv: readonly string[]): Promise<number> {
  const began = performance.now();
  const { exitCode, stderr } = await lab.run(argv, { env });
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${exitCode}: ${stderr}`);
  return performance.now() - began;
}
