import { setTimeout as sleep } from 'node:timers/promises';
import type { Body } from './raw-incus.ts';
import { percentile, quantiles, report } from './report.ts';
import { Stage } from './stage.ts';

const runs = 8;

/** A file that is written to all the time, and the longest that this was not possible: milliseconds. */
const beat = `
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);
$| = 1; my $last = clock_gettime(CLOCK_MONOTONIC); my $longest = 0;
open(my $file, '>>', '/root/beat') or die; $file->autoflush(1);
$SIG{USR1} = sub { printf "%.3f\\n", $longest * 1000; $longest = 0 };
print "ready\\n";
while (1) {
  print $file "beat\\n"; sleep 0.001;
  my $now = clock_gettime(CLOCK_MONOTONIC); my $gap = $now - $last; $last = $now;
  $longest = $gap if $gap > $longest;
}
`;

/** A heartbeat inside of a container. */
async function openHeart(stage: Stage, instance: string) {
  const argv = ['incus', 'exec', instance, '--', 'perl', '-MIO::Handle', '-e', beat];
  const running = stage.lab.spawn(argv);
  await running.printed(/ready/, 30_000);
  const pid = (await stage.lab.incus('exec', instance, '--', 'pgrep', '-o', 'perl')).trim();
  return {
    /** The longest pause since it was last asked. */
    async longest(): Promise<number> {
      const seen = running.output.length;
      await stage.lab.incus('exec', instance, '--', 'kill', '-USR1', pid);
      await running.printed(new RegExp(`^[^]{${seen}}[^]*?\\d+\\.\\d{3}\\n`));
      return Number(running.output.slice(seen).trim().split('\n').at(-1));
    },
    stop: () => running.stop('SIGKILL'),
  };
}

/** A copy by bare calls: snapshot, copy, start. */
async function rawFork({ raw }: Stage, original: string, body: Body): Promise<number> {
  const path = `/1.0/instances/${original}`;
  const started = raw.next('instance-started', body.name);
  const began = performance.now();
  await raw.call('POST', `${path}/snapshots`, { name: body.name, stateful: false });
  await raw.call('POST', '/1.0/instances', { ...body, source: { type: 'copy', source: `${original}/${body.name}` } });
  await raw.call('PUT', `/1.0/instances/${body.name}/state`, { action: 'start' });
  const took = (await started) - began;
  await raw.call('DELETE', `${path}/snapshots/${body.name}`);
  return took;
}

async function ownFork({ api, raw }: Stage, name: string): Promise<number> {
  const started = raw.next('instance-started', `coi-${name}`);
  const began = performance.now();
  await api.fork({ uid: 0, by: 'bench', name: 'original', copies: [{ name }] });
  return (await started) - began;
}

/** Running → independent running copy, beside bare calls in turn, and how long the original's programs stood still. */
export async function fork(): Promise<void> {
  await using stage = await Stage.open({ images: ['busybox', 'system'] });
  const text = 'apiVersion = "coi/v1"\n[sandbox.original]\nimage = "system"\n';
  await stage.api.store({ uid: 0, files: [{ file: 'original.toml', text }] });
  await stage.settled(['original']);
  const body = await stage.raw.bodyLike('coi-original', 40_000);
  const heart = await openHeart(stage, 'coi-original');
  const [own, bare, pauses, still, other]: number[][] = [[], [], [], [], []];
  for (let run = 0; run < runs; run += 1) {
    const name = `copy-${run}`;
    await heart.longest();
    await sleep(1_000);
    still!.push(await heart.longest());
    own!.push(await ownFork(stage, name));
    pauses!.push(await heart.longest());
    await stage.api.delete({ names: [name], by: 'bench' });
    await stage.alone(async () => {
      await heart.longest();
      bare!.push(await rawFork(stage, 'coi-original', { ...body, name: `raw-${run}` }));
      other!.push(await heart.longest());
      await stage.raw.destroy(`raw-${run}`);
    });
  }
  await heart.stop();
  const [ours, raws] = [percentile(own!, 50), percentile(bare!, 50)];
  const times = { runs, ms: quantiles(own!), rawMs: quantiles(bare!) };
  report({ name: 'fork.time', value: ours - raws, unit: 'ms', limit: 200, better: 'lower' }, times);
  const gaps = { still: quantiles(still!), own: quantiles(pauses!), raw: quantiles(other!) };
  report({ name: 'fork.pause', value: percentile(pauses!, 50), unit: 'ms', limit: 150, better: 'lower' }, gaps);
}
