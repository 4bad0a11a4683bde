import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { stoppedIncusd } from '../../../src/host/process/stopped-incusd.ts';
import { until } from '../../lab/until.ts';

const pids: number[] = [];
afterEach(() => {
  for (const pid of pids.splice(0)) process.kill(pid, 'SIGKILL');
});

/** A process without a parent, under a name. @returns its number */
async function orphan(name: string): Promise<number> {
  const script = `(exec -a ${name} sleep 100 >/dev/null) & echo $!`;
  const parent = spawn('bash', ['-c', script]);
  const [said] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(said.toString());
  pids.push(pid);
  const isAlone = () => spawnSync('ps', ['-o', 'ppid=,args=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
  await until('it to be alone', () => new RegExp(`^\\s*1 ${name} `).test(isAlone()));
  return pid;
}

it('is one that stopped and has lost its parent, and nothing else', async () => {
  const [incusd, other] = [await orphan('/usr/libexec/incus/incusd'), await orphan('/usr/bin/other-incusd')];
  expect(await stoppedIncusd()).not.toContain(incusd);
  for (const pid of [incusd, other]) process.kill(pid, 'SIGSTOP');
  await until('it to be found', async () => (await stoppedIncusd()).includes(incusd));
  expect(await stoppedIncusd()).not.toContain(other);
});
