import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openIncus, type Incus } from '../../../src/host/incus/client.ts';
import { openLab, type Lab } from '../../lab/lab.ts';

let lab: Lab;
let incus: Incus;

beforeAll(async () => {
  lab = await openLab({ name: 'incus-exec' });
  incus = openIncus({ socketPath: lab.socket, clock: systemClock });
  await incus.events.ready(AbortSignal.timeout(5_000));
  const source = { type: 'image', alias: 'busybox' } as const;
  await incus.operations.finish(await incus.instances.create({ name: 'box', source, start: true }));
  // Others than root have to get at the programs.
  await incus.exec.run('box', ['chmod', '755', '/']);
}, 120_000);

afterAll(async () => {
  await incus?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
}, 60_000);

describe('Exec.run()', () => {
  test('gives exit code, stdout and stderr apart', async () => {
    const result = await incus.exec.run('box', ['sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(result.exitCode).toBe(3);
    expect(result.stdout.toString()).toBe('out\n');
    expect(result.stderr.toString()).toBe('err\n');
    expect(result.isTruncated).toBe(false);
  });

  test('carries any bytes in and out', async () => {
    const bytes = randomBytes(3 * 2 ** 20);
    const result = await incus.exec.run('box', ['cat'], { stdin: bytes });
    expect(result.stdout.equals(bytes)).toBe(true);
  });

  test.each([
    ['an unknown program', ['no-such-program'], 127],
    ['a program that a signal ends', ['sh', '-c', 'kill -9 $$'], 137],
    ['a program without input', ['cat'], 0],
  ])('ends for %s', async (_, argv, exitCode) => {
    expect((await incus.exec.run('box', argv)).exitCode).toBe(exitCode);
  });

  test('hands arguments over as they are', async () => {
    const argv = ['printf', '%s|', '', 'a b', '$HOME', `'"`, '*', '-n', 'ä\n'];
    expect((await incus.exec.run('box', argv)).stdout.toString()).toBe(`|a b|$HOME|'"|*|-n|ä\n|`);
  });

  test('runs as the user and in the directory that it is told', async () => {
    const result = await incus.exec.run('box', ['sh', '-c', 'id -u; id -g; pwd'], {
      uid: 1000,
      gid: 1001,
      cwd: '/tmp',
    });
    expect({ ...result, stdout: result.stdout.toString(), stderr: result.stderr.toString() }).toMatchObject({
      stderr: '',
      stdout: '1000\n1001\n/tmp\n',
    });
  });

  test('gives the environment, then stdin, whatever is in them', async () => {
    const env = { PLAIN: 'x', ODD: `a'b"c$d\\e\nline two\n`, EMPTY: '' };
    const argv = ['sh', '-c', 'printf "%s|%s|%s|" "$PLAIN" "$ODD" "$EMPTY"; cat'];
    const { stdout } = await incus.exec.run('box', argv, { env, stdin: 'the rest\n' });
    expect(stdout.toString()).toBe(`x|${env.ODD}||the rest\n`);
  });

  test('shows no environment value on a command line of the host', async () => {
    const canary = `canary-${crypto.randomUUID()}`;
    const running = incus.exec.run('box', ['sleep', '2'], { env: { TOKEN: canary } });
    await systemClock.sleep(700);
    const { stdout } = await lab.run(['sh', '-c', "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]);
    await running;
    // Not toContain(): its failure would print every command line of the machine.
    expect(stdout.includes('sleep 2')).toBe(true);
    expect(stdout.includes(canary)).toBe(false);
  });

  test('kills the program when the signal aborts, and rejects with its reason', async () => {
    const abort = new AbortController();
    const running = incus.exec.run('box', ['sleep', '71'], { signal: abort.signal });
    await systemClock.sleep(400);
    abort.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    await systemClock.sleep(400);
    const { stdout } = await incus.exec.run('box', ['ps']);
    expect(stdout.toString()).not.toContain('sleep 71');
  });

  test('kills the program when time is up', async () => {
    const running = incus.exec.run('box', ['sleep', '72'], { timeoutMs: 400 });
    await expect(running).rejects.toMatchObject({ class: 'transient', code: 'incus.exec-timeout' });
  });

  test('stops a program that floods', async () => {
    const result = await incus.exec.run('box', ['cat', '/dev/zero'], { maxOutputBytes: 100_000 });
    expect(result.isTruncated).toBe(true);
    expect(result.stdout.length).toBe(100_000);
    expect(result.exitCode).toBe(137);
  });

  test('refuses a stopped instance', async () => {
    await incus.operations.finish(await incus.instances.create({ name: 'still', source: { type: 'none' } }));
    await expect(incus.exec.run('still', ['true'])).rejects.toMatchObject({
      class: 'conflict',
      code: 'incus.wrong-state',
    });
  });
});
