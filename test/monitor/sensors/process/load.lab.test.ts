import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { WordsReader } from '../../../../src/host/process/words-reader.ts';
import { createContainer } from '../../../lab/create.ts';
import { openLab, type Lab } from '../../../lab/lab.ts';
import { until } from '../../../lab/until.ts';
import { readProcessTree } from '../../../../src/monitor/sensors/process/read-process-tree.ts';
import { Watcher, watched } from './watcher.ts';

let lab: Lab;

beforeAll(async () => {
  lab = await openLab({ name: 'load' });
  await createContainer(lab, { name: 'c1' });
  await createContainer(lab, { name: 'c2' });
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

async function watching(options: ConstructorParameters<typeof Watcher>[0] = {}): Promise<Watcher> {
  const watcher = new Watcher(options);
  watcher.watch(await watched(lab, 'c1'), await watched(lab, 'c2'));
  return watcher;
}

/** Number of the bpftrace that this process started. */
async function bpftrace(): Promise<number | undefined> {
  const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  for (const pid of children.split(' ').filter(Boolean)) {
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (name.trim() === 'bpftrace') return Number(pid);
  }
  return undefined;
}

describe('The process sensor', { concurrent: false }, () => {
  test('counts what a flood in one sandbox hides, and sees all of the others', async () => {
    await using watcher = await watching({ budgets: { exec: 20, file: 20, call: 20, stdio: 20, all: 100 } });
    await watcher.is('active');
    const flood = lab.spawn([
      'incus',
      'exec',
      'c1',
      '--',
      'sh',
      '-c',
      'f() { while :; do /bin/true flood; done; }; for i in 1 2 3 4 5 6 7 8; do f & done; wait',
    ]);
    const over = await watcher.seen('unseen', ({ uid }) => uid === 'c1');
    for (let number = 0; number < 5; number += 1) {
      await lab.incus('exec', 'c2', '--', '/bin/true', `quiet-${number}`);
      const seen = await watcher.seen('exec', ({ words }) => words[1] === `quiet-${number}`);
      expect(seen.uid).toBe('c2');
    }
    await flood.stop('SIGKILL');
    await lab.incus('exec', 'c1', '--', 'sh', '-c', 'kill -9 -1').catch(() => undefined);
    expect(over.count).toBeGreaterThan(0);
    expect(watcher.of('unseen').filter(({ uid }) => uid === 'c2')).toEqual([]);
  });

  test('looks in /proc while bpftrace is dead, and sees all again when it is back', async () => {
    await using watcher = await watching();
    await watcher.is('active');
    process.kill((await bpftrace())!, 'SIGKILL');
    await watcher.is('fallback');
    expect(watcher.sensor.status()).toMatchObject({ source: 'proc', because: expect.stringContaining('SIGKILL') });
    expect(watcher.problems).toMatchObject([{ code: 'bpftrace.failed' }]);
    const long = lab.spawn(['incus', 'exec', 'c2', '--', 'sleep', '61.5']);
    await watcher.seen('exec', ({ words }) => words[1] === '61.5');
    await watcher.is('active');
    await lab.incus('exec', 'c2', '--', '/bin/true', 'again');
    expect(await watcher.seen('exec', ({ words }) => words[1] === 'again')).toMatchObject({ program: '/bin/true' });
    await long.stop('SIGKILL');
  });

  test('runs bpftrace only while somebody is watched', async () => {
    await using watcher = await watching();
    await watcher.is('active');
    watcher.unwatchAll();
    await watcher.is('off');
    await until('the end of bpftrace', async () => (await bpftrace()) === undefined);
    expect(watcher.sensor.status().state).toBe('off');
  });

  test('sees what lives long enough without bpftrace, with parents and words', async () => {
    await using watcher = await watching({ source: 'proc' });
    expect(watcher.sensor.status()).toMatchObject({ state: 'fallback', source: 'proc' });
    await new Promise((done) => void setTimeout(done, 1_000));
    const long = lab.spawn(['incus', 'exec', 'c1', '--', 'sh', '-c', 'sleep 62.5; true']);
    const seen = await watcher.seen('exec', ({ words }) => words[1] === '62.5');
    expect(seen).toMatchObject({ uid: 'c1', user: 0, name: 'sleep', words: ['sleep', '62.5'] });
    expect(seen.parents[0]!.words).toEqual(['sh', '-c', 'sleep 62.5; true']);
    await createContainer(lab, { name: 'c3' });
    watcher.watch(await watched(lab, 'c3'));
    await watcher.seen('exec', ({ uid }) => uid === 'c3');
    await long.stop('SIGKILL');
  });

  test('says so when tracing alone is asked for and fails', async () => {
    await using watcher = await watching({ source: 'bpftrace' });
    await watcher.is('active');
    process.kill((await bpftrace())!, 'SIGKILL');
    await watcher.is('failed');
    await watcher.is('active');
    expect(watcher.sensor.status().source).toBe('bpftrace');
  });
});

test('The tree of a sandbox is all that runs in it, what was started from outside as well, and nothing else', async () => {
  const long = lab.spawn(['incus', 'exec', 'c1', '--', 'sh', '-c', 'sleep 63.5; true']);
  const { init } = await watched(lab, 'c1');
  using reader = new WordsReader(systemClock);
  const asked = { reader, owner: 'c1', signal: new AbortController().signal };
  const tree = await until('the sleep', async () => {
    const found = await readProcessTree(init!, asked);
    return found.some(({ words }) => words[1] === '63.5') && found;
  });
  const sleep = tree.find(({ words }) => words[1] === '63.5')!;
  expect(tree[0]!.pid).toBe(init!.pid);
  expect(sleep).toMatchObject({ name: 'sleep', user: 0, words: ['sleep', '63.5'] });
  expect(tree.find(({ pid }) => pid === sleep.ppid)?.words[0]).toBe('sh');
  expect(tree.some(({ pid }) => pid === process.pid || pid === 1)).toBe(false);
  await expect(readProcessTree(init!, { ...asked, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
    'enough',
  );
  await long.stop('SIGKILL');
});
