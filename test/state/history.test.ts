import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { History, historyLength, type HistoryEntry } from '../../src/state/history.ts';

let root = '';
let dir = '';
let errors: unknown[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coi-history-'));
  dir = join(root, 'history');
  errors = [];
});
afterEach(() => rmSync(root, { recursive: true }));

const openHere = () => new History({ dir, clock: systemClock, onError: (error) => errors.push(error) });
const entry = (n: number, more: Partial<HistoryEntry> = {}): HistoryEntry => ({
  at: n,
  revision: `r${n}`,
  hash: `h${n}`,
  outcome: 'ready',
  message: '',
  durationMs: 10,
  ...more,
});

describe('History', () => {
  test('keeps the newest entries across restarts', async () => {
    {
      await using history = openHere();
      for (let n = 1; n <= historyLength + 5; n += 1) await history.add('web', entry(n));
    }
    const entries = await openHere().get('web');
    expect(entries).toHaveLength(historyLength);
    expect(entries.map(({ at }) => at)).toEqual(Array.from({ length: historyLength }, (_, n) => n + 6));
    expect(errors).toEqual([]);
  });

  test('keeps one entry of a failure that repeats', async () => {
    await using history = openHere();
    await history.add('web', entry(1, { outcome: 'failed' }));
    await history.add('web', entry(2, { revision: 'r1', hash: 'h1', outcome: 'failed' }));
    expect((await history.get('web')).map(({ at }) => at)).toEqual([2]);
  });

  test('loses nothing that is added at the same time', async () => {
    await using history = openHere();
    await Promise.all([1, 2, 3].map((n) => history.add('web', entry(n))));
    expect(await history.get('web')).toHaveLength(3);
  });

  test('begins anew where a file is damaged or the directory is gone', async () => {
    {
      await using history = openHere();
      await history.add('web', entry(1));
    }
    writeFileSync(join(dir, 'web.json'), '[{"at":');
    expect(await openHere().get('web')).toEqual([]);
    writeFileSync(join(dir, 'web.json'), '[1,null,{"at":"x"}]');
    expect(await openHere().get('web')).toEqual([]);
    rmSync(dir, { recursive: true });
    await using history = openHere();
    expect(await history.get('web')).toEqual([]);
    await history.add('web', entry(1));
    await history.flush();
    expect(readdirSync(dir)).toEqual(['web.json']);
  });

  test('goes on without what it cannot write', async () => {
    writeFileSync(dir, 'a file where the directory should be');
    const history = openHere();
    await history.add('web', entry(1));
    await history.flush();
    expect(errors).toHaveLength(1);
    expect(await history.get('web')).toHaveLength(1);
  });

  test('forgets the oldest of those that are gone', async () => {
    await using history = openHere();
    for (const [n, name] of ['old', 'new', 'here'].entries()) await history.add(name, entry(n + 1));
    await history.prune((name) => name === 'here', 1);
    expect(readdirSync(dir).sort()).toEqual(['here.json', 'new.json']);
  });
});
