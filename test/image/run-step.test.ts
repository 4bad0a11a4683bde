import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import { BuildLog } from '../../src/image/build-log.ts';
import type { Guest } from '../../src/image/guest.ts';
import { readTree } from '../../src/image/read-tree.ts';
import { runStep } from '../../src/image/run-step.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-step-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('what was read is laid, whatever became of the folder meanwhile', async () => {
  const [folder, secret, out] = ['files', 'secret', 'out'].map((name) => join(dir, name)) as [string, string, string];
  for (const each of [join(folder, 'etc'), secret, out]) await mkdir(each, { recursive: true });
  await writeFile(join(folder, 'etc/tool'), 'as hashed');
  await writeFile(join(folder, 'gone'), 'as hashed');
  await writeFile(join(secret, 'tool'), 'of root');
  const tree = await readTree({ folder: dir, path: 'files', position: { file: 'image.toml', line: 1, column: 1 } });
  await rm(join(folder, 'gone'));
  await rm(join(folder, 'etc'), { recursive: true });
  await symlink(secret, join(folder, 'etc'));

  await using log = await BuildLog.open('step');
  const unpack = async (_: string, __: readonly string[], { stdin }: { readonly stdin: Uint8Array }) => {
    await execa('tar', ['-C', out, '-xf', '-'], { input: stdin });
    return { exitCode: 0 };
  };
  const incus = { exec: { run: unpack } } as unknown as Guest['incus'];
  const guest = { incus, instance: 'box', clock, signal: AbortSignal.timeout(30_000) };
  await runStep(guest, { step: { name: 'lay', trees: [tree], versions: {} }, environment: {}, log });
  expect(await readFile(join(out, 'etc/tool'), 'utf8')).toBe('as hashed');
  expect(await readFile(join(out, 'gone'), 'utf8')).toBe('as hashed');
});
