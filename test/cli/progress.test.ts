import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { withProgress } from '../../src/cli/progress.ts';
import { FakeClock, settled } from '../helpers/fake-clock.ts';

function setUp(isTTY: boolean, env: NodeJS.ProcessEnv = {}, what: string | (() => string) = 'Waiting') {
  const clock = new FakeClock();
  const written: string[] = [];
  const output = { write: (text: string) => written.push(text), isTTY, columns: 80, pass: async () => undefined };
  const silent = { ...output, write: () => expect.unreachable('progress is not a result') };
  const io: Io = {
    terminal: undefined,
    stdin: Readable.from([]),
    stdout: silent,
    stderr: output,
    env,
    cwd: '/',
    signal: new AbortController().signal,
    clock,
  };
  const work = Promise.withResolvers<string>();
  const result = withProgress(io, what, () => work.promise);
  return { clock, written, work, result };
}

describe('withProgress()', () => {
  it('says nothing about what is quick', async () => {
    const { clock, written, work, result } = setUp(true);
    await clock.advance(1_999);
    work.resolve('done');
    expect(await result).toBe('done');
    expect(written).toEqual([]);
    expect(clock.armed).toBe(0);
  });

  it('counts on one line of a terminal, and clears it', async () => {
    const { clock, written, work, result } = setUp(true);
    await clock.advance(3_000);
    expect(written).toEqual(['\rWaiting … 2s\u001B[K', '\rWaiting … 2s\u001B[K', '\rWaiting … 3s\u001B[K']);
    work.resolve('done');
    await result;
    expect(written.at(-1)).toBe('\r\u001B[K');
    expect(clock.armed).toBe(0);
  });

  it.each([{ isTTY: false }, { isTTY: true, env: { TERM: 'dumb' } }])(
    'prints a line every 10 s elsewhere: %j',
    async ({ isTTY, env }) => {
      const { clock, written, work, result } = setUp(isTTY, env);
      await clock.advance(9_999);
      expect(written).toEqual([]);
      await clock.advance(10_001);
      expect(written).toEqual(['Waiting … 10s\n', 'Waiting … 20s\n']);
      work.resolve('done');
      await result;
      expect(written).toHaveLength(2);
    },
  );

  it('says anew how far it is', async () => {
    let percent = 0;
    const { clock, written, work, result } = setUp(false, {}, () => `Packing ${(percent += 30)} %`);
    await clock.advance(20_000);
    work.resolve('done');
    await result;
    expect(written).toEqual(['Packing 30 % … 10s\n', 'Packing 60 % … 20s\n']);
  });

  it('ends with what failed', async () => {
    const { clock, work, result } = setUp(false);
    work.reject(new Error('no'));
    await expect(result).rejects.toThrow('no');
    await settled();
    expect(clock.armed).toBe(0);
  });
});
