import { appendFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openUplink } from '../lab/uplink.ts';
import { installedCoi } from './package.ts';
import { percentile, progress, report } from './report.ts';
import { Stage } from './stage.ts';

const runs = 25;

const definition = `description = "of the benchmark"
base = "busybox"
[[step]]
name = "one"
script = "one"
`;

/** `coi build` with nothing to do, in milliseconds from start to end. */
export async function buildNoop(): Promise<void> {
  await using stage = await Stage.open();
  const folder = join(stage.lab.dir, 'etc/images/bench');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'image.toml'), definition);
  await writeFile(join(folder, 'one'), '#!/bin/sh\ntrue\n', { mode: 0o755 });
  await build(stage, 'bench');
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push(await build(stage, 'bench'));
  const details = { runs, p95Ms: Math.round(percentile(times, 95)) };
  report({ name: 'build-noop', value: percentile(times, 50), unit: 'ms', limit: 300, better: 'lower' }, details);
}

/** The whole image `coi`, beside the same with another last step. Takes many minutes, and the package registries. */
export async function buildTail(): Promise<void> {
  await using stage = await Stage.open({ images: ['busybox', 'system'] });
  await using _ = await openUplink(stage.lab);
  const folder = join(stage.lab.dir, 'etc/images');
  await cp('images', folder, { recursive: true });
  // What `coi build base` would make: that its packages are fetched is no part of this.
  const { stdout: fingerprint } = await stage.lab.run(['incus', 'image', 'list', 'system', '-f', 'csv', '-c', 'F']);
  await stage.lab.incus('image', 'alias', 'create', 'coi-base', fingerprint.trim());
  progress('build-tail: the whole image …');
  const whole = await build(stage, 'coi');
  await appendFile(join(folder, 'coi/steps/60-claude'), '\n# Changed.\n');
  progress('build-tail: with another last step …');
  const tail = await build(stage, 'coi');
  const details = { wholeS: Math.round(whole / 1_000), tailS: Math.round(tail / 1_000) };
  report({ name: 'build-tail', value: tail / whole, unit: 'ratio', limit: 0.25, better: 'lower' }, details);
}

async function build({ lab, env }: Stage, name: string): Promise<number> {
  const coi = await installedCoi();
  const began = performance.now();
  const { exitCode, stderr } = await lab.run([coi, 'build', name], { env, cwd: '/', timeoutMs: 3_600_000 });
  if (exitCode !== 0) throw new Error(`coi build ${name} ended with ${exitCode}: ${stderr}`);
  return performance.now() - began;
}
