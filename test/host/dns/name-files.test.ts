import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NameFiles } from '../../../src/host/dns/name-files.ts';
import { KnownNames } from '../../../src/network/names/known-names.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'names-'));
});
afterEach(() => rm(dir, { recursive: true }));

function some(): KnownNames {
  const known = new KnownNames();
  known.learn('a.test', 4, { addresses: ['203.0.113.1'], until: 60_000 });
  known.learn('a.test', 6, { addresses: ['2001:db8::1'], until: 90_000 });
  known.learn('b.test', 4, { addresses: ['203.0.113.2'], until: 30_000 });
  return known;
}

test('what is known survives a restart, with times that mean the same', async () => {
  const before = new NameFiles(join(dir, 'names'), new FakeClock({ monotonic: 10_000 }));
  await before.save('ONE', some());
  // Another process, another monotonic clock, twenty seconds later.
  const wall = Date.parse('2026-01-01T00:00:20Z');
  const after = new NameFiles(join(dir, 'names'), new FakeClock({ monotonic: 500, wall }));
  const known = await after.load('ONE');
  expect([...known.all()]).toEqual([
    [
      'a.test',
      {
        last: { 4: ['203.0.113.1'], 6: ['2001:db8::1'] },
        until: new Map([
          ['203.0.113.1', 30_500],
          ['2001:db8::1', 60_500],
        ]),
      },
    ],
    ['b.test', { last: { 4: ['203.0.113.2'] }, until: new Map([['203.0.113.2', 500]]) }],
  ]);
});

test('the last of many writes is what stays', async () => {
  const files = new NameFiles(dir, new FakeClock());
  const last = some();
  last.learn('c.test', 4, { addresses: ['203.0.113.3'], until: 1 });
  await Promise.all([files.save('ONE', some()), files.save('ONE', new KnownNames()), files.save('ONE', last)]);
  expect((await files.load('ONE')).has('c.test')).toBe(true);
  expect(await readdir(dir)).toEqual(['ONE.json']);
});

test.each([
  ['nothing', undefined],
  ['half a file', '{"names":{"a.test"'],
  ['another form', '{"names":{"a.test":{"last":{"4":["x"]},"until":{}}}}'],
  ['an address in other words', '{"names":{"a.test":{"last":{},"until":{"2001:0db8::1":1}}}}'],
  ['far too much', ' '.repeat(9 * 2 ** 20)],
])('%s is as if nothing was known', async (_, text) => {
  if (text !== undefined) await writeFile(join(dir, 'ONE.json'), text);
  expect([...(await new NameFiles(dir, new FakeClock()).load('ONE')).all()]).toEqual([]);
});

test('files go with their sandbox', async () => {
  const files = new NameFiles(dir, new FakeClock());
  for (const uid of ['ONE', 'TWO', 'THREE']) await files.save(uid, some());
  const writing = files.save('ONE', some());
  await files.remove('ONE');
  await writing;
  await writeFile(join(dir, 'TWO.json.1234.tmp'), '');
  await files.keepOnly(new Set(['TWO']));
  expect((await readdir(dir)).toSorted()).toEqual(['TWO.json', 'TWO.json.1234.tmp']);
  await new NameFiles(join(dir, 'never'), new FakeClock()).keepOnly(new Set());
});
