import { chown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { openIncus } from '../../src/host/incus/client.ts';
import { saveSession } from '../../src/session/save/save-session.ts';
import { createContainer } from '../lab/create.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { percentile, report } from './report.ts';

const runs = 5;
const owner = { uid: 4242, gid: 4242 };

/** Files of 1 kB to 1 MB, of all sizes, in 40 directories. */
const many = `
cd /home/code && mkdir .claude && cd .claude
i=0
while [ $i -lt 2000 ]; do
  dir=projects/$((i % 40)) size=$((1000 + i * 499 * (i % 1000) / 998000 * 1000))
  mkdir -p $dir
  head -c $size /dev/urandom >$dir/$i.jsonl
  i=$((i + 1))
done
`;
const large = 'head -c 100000000 /dev/urandom >/home/code/.claude/large';

/**
 * A session of 2,000 files of 1 kB to 1 MB and one of 100 MB, saved from a stopped container as its owner, on the disk as a
 * whole, beside `incus file pull -r`, which leaves that to the kernel. Memory is that of the process that copies, with the
 * large file beside the same without it.
 */
export async function save(): Promise<void> {
  await using lab = await openLab({ name: 'bench' });
  await using incus = openIncus({ socketPath: lab.socket, clock: systemClock });
  const home = join(lab.dir, 'home');
  await mkdir(home);
  await chown(home, owner.uid, owner.gid);
  await createContainer(lab, { name: 'box' });
  const inside = async (script: string) => {
    await lab.inside.output(['incus', 'exec', 'box', '--', 'sh', '-c', script], { timeoutMs: 300_000 });
  };
  await inside(many);
  await lab.incus('stop', 'box', '--force');
  const once = () =>
    saveSession(
      {
        instance: 'box',
        place: { owner: { ...owner, home }, tool: 'claude' },
        session: { id: 'bench', container: 'box', persistent: false, workspace: '' },
        guest: { home: '/home/code', paths: ['.claude'], exclude: [] },
        signal: new AbortController().signal,
      },
      { incus, clock: systemClock },
    );
  const without = (await once()).peakMemoryBytes;
  await lab.incus('start', 'box');
  await inside(large);
  await lab.incus('stop', 'box', '--force');
  const [ours, pulls, peaks]: [number[], number[], number[]] = [[], [], []];
  let bytes = 0;
  for (let run = 0; run <= runs; run += 1) {
    const began = performance.now();
    const saved = await once();
    const took = performance.now() - began;
    const pulled = await pull(lab);
    // The first of each finds cold caches.
    if (run === 0) continue;
    ours.push(took);
    pulls.push(pulled);
    peaks.push(saved.peakMemoryBytes);
    bytes = saved.bytes;
  }
  const [own, bare] = [percentile(ours, 50), percentile(pulls, 50)];
  const details = { runs, ms: Math.round(own), pullMs: Math.round(bare), bytes };
  report({ name: 'save.time', value: own / bare, unit: 'ratio', limit: 0.7, better: 'lower' }, details);
  const peak = percentile(peaks, 50);
  const mebibytes = { peakMiB: Math.round(peak / 2 ** 20), withoutLargeMiB: Math.round(without / 2 ** 20) };
  report({ name: 'save.memory', value: peak / without, unit: 'ratio', limit: 1.1, better: 'lower' }, mebibytes);
}

async function pull(lab: Lab): Promise<number> {
  const target = join(lab.dir, 'pulled');
  await mkdir(target);
  const began = performance.now();
  await lab.inside.output(['incus', 'file', 'pull', '-r', 'box/home/code/.claude', target], { timeoutMs: 300_000 });
  const took = performance.now() - began;
  await rm(target, { recursive: true });
  return took;
}
