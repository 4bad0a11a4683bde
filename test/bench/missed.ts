import { Watcher, watched } from '../monitor/sensors/process/watcher.ts';
import { createContainer } from '../lab/create.ts';
import { openLab } from '../lab/lab.ts';
import { report } from './report.ts';

/** How many processes there are, and how long each lives, in seconds. */
const [count, seconds] = [1_000, '0.01'];

/** Processes of 10 ms inside a sandbox, ten at a time, and how many of them the sensor did not see. */
export async function missed(): Promise<void> {
  await using lab = await openLab({ name: 'bench' });
  await using watcher = new Watcher();
  await createContainer(lab, { name: 'c1' });
  watcher.watch(await watched(lab, 'c1'));
  await watcher.is('active');
  const one = `/bin/sh -c 'exec sleep ${seconds}' $n`;
  const script = `n=0; while [ $n -lt ${count} ]; do ${one} & n=$((n+1)); [ $((n%10)) -ne 0 ] || wait; done; wait`;
  await lab.incus('exec', 'c1', '--', 'sh', '-c', script);
  await lab.incus('exec', 'c1', '--', '/bin/true', 'end');
  await watcher.seen('exec', ({ words }) => words[1] === 'end');
  const shells = watcher.of('exec').filter(({ words }) => words[2] === `exec sleep ${seconds}`);
  const sleeps = watcher.of('exec').filter(({ words }) => words[0] === 'sleep' && words[1] === seconds);
  const seen = Math.min(new Set(shells.map(({ words }) => words[3])).size, sleeps.length);
  const unseen = watcher.of('unseen').reduce((sum, event) => sum + event.count, 0);
  report({ name: 'missed', value: count - seen, unit: 'processes', limit: 0, better: 'lower' }, { count, unseen });
}
