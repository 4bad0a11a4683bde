import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { declares, Directory, namesOf, never, parse } from './fixtures/directory.ts';

const count = 1_000;

it('of a thousand files only those that changed are understood again', async () => {
  await using directory = await Directory.create();
  for (let index = 0; index < count; index += 1) await directory.write(`s${index}.toml`, declares(`s${index}`));
  let parsed = 0;
  const source = await directory.open({
    parse: (file) => {
      parsed += 1;
      return parse(file);
    },
  });
  expect(namesOf(await source.read(never))).toHaveLength(count);
  expect(parsed).toBe(count);
  // So recent that their times prove nothing: they are read again, and understood only if they differ.
  await source.read(never);
  expect(parsed).toBe(count);
  await sleep(2_100);
  await directory.save('s7.toml', declares('s7', 'more'));
  expect(namesOf(await source.read(never))).toHaveLength(count + 1);
  expect(parsed).toBe(count + 1);
}, 60_000);
