import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReadyProgram } from '../../../src/host/link/ready-program.ts';
import { until } from '../../lab/until.ts';
import { isThere } from './is-there.ts';

let dir: string;
let program: ReadyProgram;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ready-'));
  program = new ReadyProgram({ command: ['sh', '-c', 'echo $$ >>"$0"; cat', join(dir, 'begun')] });
});
afterEach(async () => {
  await program[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** Process ids in the order in which they began, once there are so many. */
async function begun(count: number): Promise<number[]> {
  const read = async () => (await readFile(join(dir, 'begun'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  await until(`${count} processes`, async () => (await read()).length >= count);
  return (await read()).map(Number);
}

async function run(input: string): Promise<{ readonly stdout: string; readonly pid: number | undefined }> {
  let pid: number | undefined;
  const { stdout } = await program.run({ input, onStart: (its) => (pid = its) });
  return { stdout, pid };
}

describe('ReadyProgram', () => {
  it('gives the input to the process that waits for it, and has the next one wait', async () => {
    program.prepare();
    program.prepare();
    expect(await run('first')).toEqual({ stdout: 'first', pid: (await begun(1))[0] });
    expect(await run('second')).toEqual({ stdout: 'second', pid: (await begun(2))[1] });
    expect(await begun(3)).toHaveLength(3);
  });

  it('starts a process for each that cannot wait', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map(run));
    expect(all.map(({ stdout }) => stdout)).toEqual(['a', 'b', 'c']);
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(3);
  });

  it('starts another one where the one that waited is gone', async () => {
    program.prepare();
    const [pid = 0] = await begun(1);
    process.kill(pid, 'SIGKILL');
    await until('its end', () => !isThere(pid));
    expect(await run('still')).toEqual({ stdout: 'still', pid: expect.any(Number) });
  });

  it('leaves nothing waiting when it is closed', async () => {
    program.prepare();
    const [pid = 0] = await begun(1);
    await program[Symbol.asyncDispose]();
    expect(isThere(pid)).toBe(false);
    await run('late');
    expect(await begun(2)).toHaveLength(2);
  });
});
