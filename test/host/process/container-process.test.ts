import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { findChild, isAlive, processAt } from '../../../src/host/process/container-process.ts';
import { ProcessWatch } from '../../../src/host/process/process-watch.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { until } from '../../lab/until.ts';

const { signal } = new AbortController();

/** A process whose name is made to confuse whoever reads it, with words behind it. */
async function start(...words: string[]): Promise<ChildProcess & { pid: number }> {
  const script = `echo ") Z 1 (" >/proc/self/comm; echo; read -r line; exit`;
  const child = spawn('/bin/sh', ['-c', script, ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return Object.assign(child, { pid: child.pid ?? 0 });
}

/** A process whose child ended and is not reaped. */
async function startWithZombie() {
  const parent = spawn('/bin/sh', ['-c', 'sh -c "echo \\$\\$" & exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [data] = (await once(parent.stdout, 'data')) as [Buffer];
  return { parent, zombie: Number(data.toString()) };
}

function me() {
  const found = processAt(process.pid);
  if (!found) throw new Error('this process has no entry');
  return found;
}

it('finds a child by words that stand next to each other, and by no parts of them', async () => {
  const child = await start('mark', 'one', 'two');
  expect(await findChild(me(), ['mark', 'one'], signal)).toEqual(processAt(child.pid));
  for (const words of [
    ['mark', 'two'],
    ['mark', 'on'],
    ['ark', 'one'],
    ['one', 'mark'],
  ]) {
    expect(await findChild(me(), words, signal)).toBeUndefined();
  }
  child.kill('SIGKILL');
});

it('finds nothing below a process that is another one than before', async () => {
  const child = await start('mark', 'three');
  expect(await findChild({ ...me(), startedAt: '1' }, ['mark', 'three'], signal)).toBeUndefined();
  expect(await findChild({ pid: 2 ** 30, startedAt: '1' }, ['mark', 'three'], signal)).toBeUndefined();
  child.kill('SIGKILL');
});

it('takes a number that another process got, and one that nobody reaped, for an end', async () => {
  const child = await start('mark', 'four');
  const known = processAt(child.pid)!;
  expect(isAlive(known)).toBe(true);
  expect(isAlive({ ...known, startedAt: '1' })).toBe(false);
  child.kill('SIGKILL');
  await until('its end', async () => !isAlive(known));
  const { parent, zombie } = await startWithZombie();
  await until('a zombie', async () => processAt(zombie) === undefined);
  expect(() => process.kill(zombie, 0)).not.toThrow();
  parent.kill('SIGKILL');
});

it('tells each end once, and nothing when it is itself over', async () => {
  const [first, second] = [await start('mark', 'five'), await start('mark', 'six')];
  const over = new AbortController();
  const watch = new ProcessWatch(systemClock, over.signal);
  const told: string[] = [];
  watch.add('first', processAt(first.pid)!, () => told.push('replaced'));
  watch.add('first', processAt(first.pid)!, () => told.push('first'));
  watch.add('second', processAt(second.pid)!, () => told.push('second'));
  first.kill('SIGKILL');
  await until('the first end', async () => told.length > 0, { timeoutMs: 5_000 });
  expect([watch.has('first'), watch.has('second')]).toEqual([false, true]);
  over.abort();
  second.kill('SIGKILL');
  await systemClock.sleep(1_500);
  expect(told).toEqual(['first']);
});
