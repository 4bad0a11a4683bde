import { describe, expect, it } from 'vitest';
import { runInNetwork } from '../../../src/host/link/in-network.ts';

describe('runInNetwork', () => {
  it('gives exit code and output as they are, newlines and all', async () => {
    expect(await runInNetwork({ command: ['cat'], input: 'a\nb\n' })).toEqual({
      code: 0,
      stdout: 'a\nb\n',
      stderr: '',
    });
    expect((await runInNetwork({ command: ['false'] })).code).toBe(1);
  });

  it('names a program that is not installed, and how to install it', async () => {
    await expect(runInNetwork({ command: ['coi-no-such-program'] })).rejects.toMatchObject({
      code: 'host.program-missing',
      hint: expect.stringContaining('coi-no-such-program'),
    });
  });

  it('ends the program when the caller gives up', async () => {
    const stop = new AbortController();
    const pids: number[] = [];
    const run = runInNetwork({ command: ['sleep', '60'], signal: stop.signal, onStart: (pid) => pids.push(pid) });
    stop.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
    expect(() => process.kill(pids[0]!, 0)).toThrow('ESRCH');
  });
});
