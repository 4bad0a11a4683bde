import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { processAt } from '../../../src/host/process/container-process.ts';
import { tmpfsUsage } from '../../../src/host/process/tmpfs-usage.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-stat-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

describe('how full a tmpfs is', () => {
  it('is not waited for where the program that asks cannot end, and not asked again meanwhile', async () => {
    // What it leaves behind holds its output, as one in the kernel would that no signal ends.
    const script = `#!/bin/sh\necho x >> ${dir}/asked\n(/bin/sleep 6; : > ${dir}/ended) 2>/dev/null &\n`;
    await writeFile(join(dir, 'stat'), script);
    await chmod(join(dir, 'stat'), 0o755);
    vi.stubEnv('PATH', dir);
    const self = processAt(process.pid)!;
    expect(await tmpfsUsage(self, '/dev/shm'), 'the first').toBeUndefined();
    expect(existsSync(join(dir, 'ended')), 'waited').toBe(false);
    expect(await tmpfsUsage(self, '/dev/shm'), 'the second').toBeUndefined();
    expect(await readFile(join(dir, 'asked'), 'utf8')).toBe('x\n');
  });
});
