import { open, readFile, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labEnvironment } from '../lab/controller.ts';
import { createContainer } from '../lab/create.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { installedCoi } from './package.ts';
import { percentile, report } from './report.ts';

const runs = 5;
const [large, small] = [2 ** 30, 2 ** 29];

/** A file of 1 GiB into a container that runs, beside `incus file push` in turn; and what memory that takes, beside half as much. */
export async function push1g(): Promise<void> {
  const coi = await installedCoi();
  await using lab = await openLab({ name: 'bench' });
  const env = await labEnvironment(lab, { monitoring: true });
  await createContainer(lab, { name: 'box' });
  const [file, little] = [join(lab.dir, 'large'), join(lab.dir, 'small')];
  await fill(file, large);
  await fill(little, small);
  const [ours, theirs, peaks, smallPeaks]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let run = 0; run <= runs; run += 1) {
    const own = await timed(lab, [coi, 'file', 'push', file, 'box:/tmp/file'], env);
    const bare = await timed(lab, ['incus', 'file', 'push', file, 'box/tmp/file'], {});
    const beside = await timed(lab, [coi, 'file', 'push', little, 'box:/tmp/file'], env);
    // The first of each finds cold caches.
    if (run === 0) continue;
    ours.push(own.ms);
    theirs.push(bare.ms);
    peaks.push(own.peakBytes);
    smallPeaks.push(beside.peakBytes);
  }
  const [own, bare] = [percentile(ours, 50), percentile(theirs, 50)];
  const details = { runs, ms: Math.round(own), pushMs: Math.round(bare), bytes: large };
  report({ name: 'push-1g.time', value: own / bare, unit: 'ratio', limit: 1.1, better: 'lower' }, details);
  const [peak, without] = [percentile(peaks, 50), percentile(smallPeaks, 50)];
  const mebibytes = { peakMiB: Math.round(peak / 2 ** 20), ofHalfMiB: Math.round(without / 2 ** 20) };
  report({ name: 'push-1g.memory', value: peak / without, unit: 'ratio', limit: 1.1, better: 'lower' }, mebibytes);
}

/** Noise, so that nothing of it is a hole. */
async function fill(path: string, bytes: number): Promise<void> {
  await writeFile(path, '');
  const file = await open(path, 'r+');
  const block = randomBytes(2 ** 24);
  for (let at = 0; at < bytes; at += block.length) await file.write(block, 0, block.length, at);
  await file.close();
}

/** Runs a program to its end. What it wrote inside is removed, so that each finds the same. */
async function timed(lab: Lab, argv: readonly string[], env: Readonly<Record<string, string>>) {
  const began = performance.now();
  const running = lab.spawn(argv, { env });
  const ended = running.ended.then(({ exitCode }) => ({ exitCode, ms: performance.now() - began }));
  let peakBytes = 0;
  while (running.alive) {
    peakBytes = Math.max(peakBytes, await peakOf(running.pid));
    await sleep(20);
  }
  const { exitCode, ms } = await ended;
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${exitCode}: ${running.output}`);
  await lab.incus('exec', 'box', '--', 'sh', '-c', 'rm /tmp/file; sync');
  return { ms, peakBytes };
}

/** Most memory that a process has had in RAM, in bytes: VmHWM of proc_pid_status(5). */
async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}
