import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endAllButInit } from '../../../src/host/cgroup/end-frozen.ts';
import { processAt } from '../../../src/host/process/container-process.ts';

let dir: string;
const { signal } = new AbortController();

// Were the real program run here, it would end everything on this machine.
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-end-'));
  await writeFile(join(dir, 'nsenter'), `#!/bin/sh\n: > ${dir}/ran\n`);
  await chmod(join(dir, 'nsenter'), 0o755);
  vi.stubEnv('PATH', dir);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

describe('all of a container', () => {
  it('is never looked for by a number that is another process by now', async () => {
    await endAllButInit({ pid: process.pid, startedAt: '1' }, signal);
    expect(existsSync(join(dir, 'ran')), 'nsenter ran').toBe(false);
  });

  it('is never taken to be all of this host', async () => {
    await expect(endAllButInit(processAt(process.pid)!, signal)).rejects.toMatchObject({ code: 'cgroup.not-ended' });
    expect(existsSync(join(dir, 'ran')), 'nsenter ran').toBe(false);
  });
});
