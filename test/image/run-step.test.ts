import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import { BuildLog } from '../../src/image/build-log.ts';
import type { Guest } from '../../src/image/guest.ts';
import { readTree } from '../../src/image/read-tree.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { runStep } from '../../src/image/run-step.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-step-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('a script that does not end is killed when its time is up', async () => {
  await using log = await BuildLog.open('step');
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const attach = ({ signal }: { readonly signal: AbortSignal }) => {
    resolve();
    const exitCode = new Promise((_, fail) => signal.addEventListener('abort', () => fail(new Error('killed'))));
    return Promise.resolve({ exitCode });
  };
  const incus = { exec: { run: async () => ({ exitCode: 0 }), attach } } as unknown as Guest['incus'];
  const fake = new FakeClock();
  const guest = { incus, instance: 'box', clock: fake, signal: AbortSignal.timeout(30_000) };
  const step = { name: 'hang', trees: [], versions: {}, script: Buffer.from('#!/bin/sh\n'), timeoutMs: 3_600_000 };
  const running = runStep(guest, { step, environment: {}, log }).catch((error: unknown) => error);
  await begun;
  await fake.advance(3_600_000);
  expect(await running).toMatchObject({
    code: 'image.step-timeout',
    message: expect.stringContaining('Stage "hang" did not end within') as string,
  });
});

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
