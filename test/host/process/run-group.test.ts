import { execa } from 'execa';
import { expect, test } from 'vitest';
import { systemClock as clock } from '../../../src/base/clock.ts';
import { processAt } from '../../../src/host/process/container-process.ts';
import { runGroup, type GroupRun } from '../../../src/host/process/run-group.ts';
import { until } from '../../lab/until.ts';

const env = { PATH: process.env['PATH'] };

/** Runs a shell script, and gives the lines that it said so far. */
function run(script: string, more: Partial<GroupRun> = {}) {
  const said: string[] = [];
  const stop = new AbortController();
  const onLine = (line: string) => void said.push(line);
  const ended = runGroup({
    argv: ['sh', '-c', script],
    env,
    clock,
    signal: stop.signal,
    graceMs: 300,
    onLine,
    ...more,
  });
  return { said, stop, ended };
}

const alive = (pid: string | undefined) => processAt(Number(pid)) !== undefined;

test('tells the lines of stderr, and gives stdout and the exit code', async () => {
  const { said, ended } = run('echo one >&2; echo out; pwd; cat; printf two >&2; exit 3');
  expect(await ended).toEqual({ exitCode: 3, stdout: 'out\n/' });
  expect(said).toEqual(['one', 'two']);
});

test('ends with all that it started, by itself where it can', async () => {
  const { said, stop, ended } = run('sleep 600 & echo $! >&2; trap "echo bye >&2; exit" TERM; wait');
  await until('it to run', () => said.length > 0);
  stop.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
  expect(said[1]).toBe('bye');
  expect(alive(said[0])).toBe(false);
});

test('is killed with all that it started where it does not end by itself', async () => {
  const { said, stop, ended } = run('trap "" TERM; sh -c "sleep 600; :" & echo $! >&2; while :; do wait; done');
  await until('it to run', () => said.length > 0);
  stop.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
  await until('all to end', () => !alive(said[0]));
});

test('leaves nothing behind when it ends', async () => {
  const { said, ended } = run('sleep 600 >/dev/null 2>&1 & echo $! >&2');
  expect(await ended).toMatchObject({ exitCode: 0 });
  await until('all to end', () => !alive(said[0]));
});

test('has a group of its own', async () => {
  const { said, ended } = run('echo $$ >&2; cat /proc/$$/stat');
  const { stdout } = await ended;
  expect(stdout.slice(stdout.lastIndexOf(') ') + 2).split(' ')[2]).toBe(said[0]);
});

test('ends when who runs it is killed', async () => {
  const at = (path: string) => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url));
  const text = `
    import { systemClock as clock } from ${at('base/clock.ts')};
    import { runGroup } from ${at('host/process/run-group.ts')};
    const argv = ['sh', '-c', 'echo $$ >&2; exec sleep 600'];
    const { signal } = new AbortController();
    await runGroup({ argv, env: process.env, clock, signal, graceMs: 1, onLine: (line) => console.log(line) });`;
  const parent = execa(process.execPath, ['--input-type=module', '-e', text], { reject: false });
  let pid: string | undefined;
  parent.stdout.on('data', (chunk: Buffer) => (pid ??= String(chunk).trim()));
  await until('it to run', () => pid !== undefined && alive(pid));
  parent.kill('SIGKILL');
  expect(await parent).toMatchObject({ signal: 'SIGKILL' });
  await until('it to end', () => !alive(pid));
});

test('does not begin when it is called off before', async () => {
  await expect(run('echo no >&2', { signal: AbortSignal.abort(new Error('before')) }).ended).rejects.toThrow('before');
});

test('says so where there is no such program', async () => {
  expect((await run('', { argv: ['/no/such/program'] }).ended).exitCode).not.toBe(0);
});
