import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { installedCoi } from './package.ts';
import type { Body, RawIncus } from './raw-incus.ts';
import { percentile, report } from './report.ts';
import { Stage } from './stage.ts';

const runs = 25;

/** How much longer than the bare calls it may take, in milliseconds. */
const mostMore = 300;

/** A command in a container of its own, from nothing to nothing, beside the bare calls that do the same. */
export async function runTrue(): Promise<void> {
  await using stage = await Stage.open();
  const coi = await installedCoi();
  const workspace = join(stage.lab.dir, 'workspace');
  await mkdir(workspace);
  await stage.drop('like', `workspace = "${workspace}"`);
  await stage.settled(['like']);
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run += 1) {
    const took = await timed(stage, [coi, 'run', '--image', 'busybox', '--', 'true'], workspace);
    const body = await stage.raw.bodyLike('coi-like', 40_000 + run);
    const tookBare = await stage.alone(() => bareRun(stage.raw, body));
    // The first of each finds cold caches.
    if (run === 0) continue;
    ours.push(took);
    bare.push(tookBare);
  }
  const [own, raw] = [percentile(ours, 50), percentile(bare, 50)];
  const details = { runs, ms: Math.round(own), rawMs: Math.round(raw), p95Ms: Math.round(percentile(ours, 95)) };
  report({ name: 'run-true', value: own - raw, unit: 'ms more', limit: mostMore, better: 'lower' }, details);
}

async function timed({ lab, env }: Stage, argv: readonly string[], cwd: string): Promise<number> {
  const began = performance.now();
  const { exitCode, stderr } = await lab.run(argv, { env, cwd });
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${exitCode}: ${stderr}`);
  return performance.now() - began;
}

/** Create and start, run, stop by force, delete. */
async function bareRun(raw: RawIncus, body: Body): Promise<number> {
  const began = performance.now();
  await raw.create(body);
  const exec = { command: ['true'], interactive: false, 'wait-for-websocket': false, user: 1000, cwd: '/workspace' };
  await raw.call('POST', `/1.0/instances/${body.name}/exec`, exec);
  await raw.destroy(body.name);
  return performance.now() - began;
}
