import { cProjectScript } from '../monitor/c-project.ts';
import { registryClients } from '../monitor/ordinary/registries.ts';
import { openUplink } from '../lab/uplink.ts';
import { percentile, progress, quantiles, report } from './report.ts';
import { treeTime } from './process-usage.ts';
import { Stage } from './stage.ts';
import { untilWatched, unwatched } from './watching.ts';

const pairs = 7;
const sources = 150;
const name = 'builds';
const image = 'image = "system"';

/** A C project built in a sandbox, watched and unwatched in turn. The compiler comes from the package registries. */
export async function overhead(): Promise<void> {
  await using stage = await Stage.open({ images: ['busybox', 'system'] });
  await using _ = await openUplink(stage.lab);
  await stage.drop(name, image);
  await stage.settled([name]);
  progress('overhead: the compiler …');
  const env = await registryClients(stage.lab, `coi-${name}`);
  await inside(stage, `${install}\nset -- /root/project\n${cProjectScript(sources)}`, env);
  const [watched, plain]: [number[], number[]] = [[], []];
  const [beside, besidePlain]: [number[], number[]] = [[], []];
  let source = '';
  for (let pair = 0; pair <= pairs; pair += 1) {
    // In another order each time: what else the machine does comes and goes.
    progress(`overhead: pair ${pair} of ${pairs} …`);
    const order = pair % 2 === 0 ? [true, false] : [false, true];
    for (const isWatched of order) {
      await stage.drop(name, isWatched ? image : `${image}\n${unwatched}`);
      const how = await untilWatched(stage, name, isWatched);
      if (isWatched) source = how;
      const before = await treeTime(stage.pid);
      const seconds = Number((await inside(stage, build)).trim());
      if (pair > 0) (isWatched ? beside : besidePlain).push((await treeTime(stage.pid)) - before);
      // The first pair finds cold caches.
      if (pair > 0) (isWatched ? watched : plain).push(seconds);
    }
  }
  const ratios = watched.map((seconds, pair) => seconds / plain[pair]!);
  const details = { pairs, sources, source, watchedS: quantiles(watched), plainS: quantiles(plain) };
  report(
    { name: 'overhead', value: percentile(ratios, 50), unit: 'ratio', limit: 1.05, better: 'lower' },
    { ...details, ratios: quantiles(ratios), besideS: quantiles(beside), besidePlainS: quantiles(besidePlain) },
  );
}

const install = `
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends gcc libc6-dev make`;

/** Prints the seconds that it takes by the clock. */
const build = `
cd /root/project && make clean >/dev/null && sync
TIMEFORMAT=%R
{ time make -j2 >/dev/null 2>&1; } 2>&1`;

async function inside({ lab }: Stage, script: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const given = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const argv = ['incus', 'exec', `coi-${name}`, ...given, '--', 'bash', '-euc', script];
  return lab.inside.output(argv, { timeoutMs: 600_000 });
}
