import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContainer } from '../../../lab/create.ts';
import { openLab, type Lab } from '../../../lab/lab.ts';
import { until } from '../../../lab/until.ts';
import { Watcher, watched } from './watcher.ts';

let lab: Lab;
let watcher: Watcher;

beforeAll(async () => {
  lab = await openLab({ name: 'programs' });
  watcher = new Watcher();
  await createContainer(lab, { name: 'c1', config: { 'security.nesting': 'true' } });
  await createContainer(lab, { name: 'c2' });
  watcher.watch(await watched(lab, 'c1'), await watched(lab, 'c2'));
  await watcher.is('active');
});

afterAll(async () => {
  await watcher?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

const sh = (name: string, script: string) => lab.incus('exec', name, '--', 'sh', '-c', script);

describe('Programs of a sandbox', () => {
  test('are all seen, however short they live, with their words and parents', async () => {
    await sh('c1', 'i=0; while [ $i -lt 200 ]; do /bin/true short $i; i=$((i+1)); done');
    const mine = () => watcher.of('exec').filter(({ words }) => words[1] === 'short');
    await until('all of them', () => mine().length >= 200);
    const seen = mine();
    expect(seen.map(({ words }) => Number(words[2]))).toEqual(Array.from({ length: 200 }, (_, index) => index));
    expect(new Set(seen.map(({ uid }) => uid))).toEqual(new Set(['c1']));
    expect(seen[0]).toMatchObject({ user: 0, program: '/bin/true', words: ['/bin/true', 'short', '0'] });
    expect(seen[0]!.parents[0]!.words.slice(0, 2)).toEqual(['sh', '-c']);
    expect(seen[0]).not.toHaveProperty('isTruncated');
  });

  test('have all of their words, long ones as well', async () => {
    const words = Array.from({ length: 40 }, (_, index) => `word-${index}`);
    await lab.incus('exec', 'c1', '--', '/bin/echo', 'many', ...words, 'ü\n\u001b[31m', '');
    const many = await watcher.seen('exec', (event) => event.words[1] === 'many');
    expect(many.words).toEqual(['/bin/echo', 'many', ...words, 'ü\n\u001b[31m', '']);
    const long = 'x'.repeat(3_500);
    await lab.incus('exec', 'c1', '--', 'sh', '-c', 'sleep 3; true', 'long', long);
    const alive = await watcher.seen('exec', (event) => event.words[3] === 'long');
    expect(alive.words.at(-1)).toBe(long);
    expect(alive).not.toHaveProperty('isTruncated');
  });

  test('say that words are missing which nobody can read any more', async () => {
    await lab.incus('exec', 'c1', '--', '/bin/true', 'cut', 'x'.repeat(100_000));
    const cut = await watcher.seen('exec', (event) => event.words[1] === 'cut');
    expect(cut.isTruncated).toBe(true);
    expect(cut.words[2]!.length).toBeGreaterThan(1_000);
  });

  test('belong to the sandbox that they are nested in', async () => {
    await sh('c1', 'unshare --user --map-root-user --pid --fork /bin/true nested');
    const nested = await watcher.seen('exec', (event) => event.words[1] === 'nested');
    expect(nested.uid).toBe('c1');
    expect(nested.parents.map(({ words }) => words[0])).toContain('unshare');
  });

  test('of the host and of those whom nobody watches are not told', async () => {
    await createContainer(lab, { name: 'other' });
    await lab.incus('exec', 'other', '--', '/bin/true', 'unwatched');
    await lab.run(['/bin/true', 'host']);
    await sh('c2', '/bin/true end');
    await watcher.seen('exec', (event) => event.words[1] === 'end');
    expect(watcher.of('exec').filter(({ words }) => ['unwatched', 'host'].includes(words[1] ?? ''))).toEqual([]);
  });

  test('are seen from the first one on, though the sandbox becomes known later', async () => {
    await createContainer(lab, { name: 'late' });
    watcher.watch(await watched(lab, 'late'));
    const first = await watcher.seen('exec', ({ uid }) => uid === 'late');
    expect(first).toMatchObject({ program: '/sbin/init', parents: [] });
  });
});
