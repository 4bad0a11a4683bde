import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../../lab/until.ts';
import { isThere } from './is-there.ts';

it('takes its program along when it is killed', async () => {
  const watcher = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/watcher.ts')]);
  const [said] = (await once(watcher.stdout, 'data')) as [Buffer];
  const pid = Number(said.toString());
  expect(isThere(pid)).toBe(true);
  watcher.kill('SIGKILL');
  await until('the end of what it watched', () => !isThere(pid));
});
