import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContainer } from '../lab/create.ts';
import type { InsideOptions } from '../lab/inside.ts';
import { openDesk, type Desk } from '../session/desk.ts';
import { Window } from '../session/typing.ts';
import { mainProgram } from '../program.ts';

let desk: Desk;
let here: string;

beforeAll(async () => {
  desk = await openDesk('container-exec', ['busybox']);
  here = await desk.workspace('project');
  // Whoever made it: this one is not of coi.
  await createContainer(desk.lab, { name: 'box', number: 5 });
});
afterAll(() => desk?.[Symbol.asyncDispose]());

/** Runs `coi container exec box` with flags, and a command behind them. */
function exec(flags: readonly string[], command: readonly string[], options: InsideOptions = {}) {
  return desk.coi(here, ['container', 'exec', 'box', ...flags, '--', ...command], options);
}

function shellLine(line: string) {
  return desk.lab.run(['sh', '-c', line], { cwd: here, env: desk.controller.env, timeoutMs: 120_000 });
}

describe('coi container exec', () => {
  it('runs as root unless told otherwise, where and with what it is told', async () => {
    const ids = ['sh', '-c', 'id -u; id -g'];
    expect((await exec([], ids)).stdout).toBe('0\n0');
    expect((await exec(['--user', '1000'], ids)).stdout).toBe('1000\n1000');
    expect((await exec(['--user', '1000', '--group', '7'], ids)).stdout).toBe('1000\n7');
    expect((await exec(['--cwd', '/etc'], ['pwd'])).stdout).toBe('/etc');
    const nowhere = await exec(['--cwd', '/no where'], ['touch', '/ran']);
    expect(nowhere.exitCode).not.toBe(0);
    expect(nowhere.stderr).toContain('/no where');
    expect((await exec([], ['ls', '/ran'])).exitCode).toBe(1);
    const value = 'a,b "c" \'d\' $HOME `id`\nsecond=line\\';
    const show = ['sh', '-c', 'printf "%s|%s" "$VALUE" "$EMPTY"'];
    expect(await exec(['--env', `VALUE=${value}`, '-e', 'EMPTY='], show)).toMatchObject({ stdout: `${value}|` });
    for (const flag of ['--user', '--group']) {
      const said = expect.stringContaining(
        '"root" is no number of a user or a group\n  Write it in figures, like 1000',
      );
      expect(await exec([flag, 'root'], ids)).toEqual({ exitCode: 1, stdout: '', stderr: said });
    }
  });

  it('has the workspace for its directory where there is one', async () => {
    expect(await desk.coi(here, ['container', 'launch', 'busybox', 'placed', '-w', here])).toMatchObject({
      exitCode: 0,
    });
    const pwd = await desk.coi(here, ['container', 'exec', 'placed', '--', 'pwd']);
    expect(pwd.stdout).toBe('/workspace');
    await desk.coi(here, ['container', 'delete', '--force', 'placed']);
  });

  it('hands over values of --env by no command line of the host, also to what has a terminal', async () => {
    const secret = `s3cr3t-${randomBytes(8).toString('hex')}`;
    for (const flags of [[], ['--tty']]) {
      const words = ['container', 'exec', 'box', ...flags, '-e', `TOKEN=${secret}`, '--', 'sh', '-c'];
      const running = desk.spawn(here, [...words, 'echo "up ${#TOKEN}"; sleep 60']);
      await running.printed(new RegExp(`up ${secret.length}\\s`), 60_000);
      const lines = (await desk.lab.inside.output(['ps', '-eo', 'pid,args'])).split('\n');
      // Whoever types it shows it; nobody else does.
      expect(lines.filter((line) => line.includes(secret) && !line.includes(mainProgram))).toEqual([]);
      expect(running.output).not.toContain(secret);
      await running.stop('SIGTERM');
    }
    // Only what has a terminal gets them by a file, which is gone before the command starts.
    const look = 'echo "${#TOKEN}"; ls -A /dev/shm /tmp 2>/dev/null | grep "^coi[.]" || echo nothing';
    const left = await exec(['--tty', '-e', `TOKEN=${secret}`], ['sh', '-c', look]);
    expect(left.stdout.split(/\s+/).filter(Boolean)).toEqual([String(secret.length), 'nothing']);
  });

  it('captures both streams and the exit code as JSON, and ends well itself', async () => {
    const script = 'printf "  a\\n\\n"; printf " b " >&2; cat; exit 3';
    const { stdout, stderr, exitCode } = await exec(['--capture'], ['sh', '-c', script], { input: 'not read' });
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(JSON.parse(stdout)).toEqual({ stdout: '  a\n\n', stderr: ' b ', exit_code: 3 });
    expect((await exec(['--capture', '--format=json'], ['no-such-program'])).stdout).toContain('"exit_code": 127');
  });

  it('gives the very bytes of stdout, and the exit code, with --format raw', async () => {
    const file = join(desk.lab.dir, 'bytes');
    const bytes = Buffer.concat([Buffer.from('\n  \0'), randomBytes(300_000), Buffer.from(' \n\n')]);
    await writeFile(file, bytes);
    const coi = `'${process.execPath}' '${mainProgram}' container exec box`;
    await shellLine(`${coi} -- sh -c 'cat >/bytes' <'${file}'`);
    const { exitCode } = await shellLine(`${coi} --capture --format raw -- sh -c 'cat /bytes; exit 9' >'${file}.raw'`);
    expect(exitCode).toBe(9);
    expect((await readFile(`${file}.raw`)).equals(bytes)).toBe(true);
  });

  it('refuses flags that exclude each other with an exit code of their own', async () => {
    for (const flags of [['--format', 'json'], ['--format=raw'], ['-t', '--capture']]) {
      const { exitCode, stdout, stderr } = await exec(flags, ['touch', '/ran']);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toMatch(/--capture/);
    }
    expect((await exec([], ['ls', '/ran'])).exitCode).toBe(1);
    expect(await desk.coi(here, ['container', 'exec', 'box'])).toMatchObject({ exitCode: 1 });
    expect(await desk.coi(here, ['container', 'exec', 'none', '--', 'true'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('There is no container "none"'),
    });
  });

  it('gives a terminal with -t, in one and where there is none', async () => {
    const none = await exec(['-t'], ['sh', '-c', 'tty && exit 4']);
    expect(none.stdout).toMatch(/^\/dev\/pts\/\d+/);
    expect(none.exitCode).toBe(4);
    const words = ['container', 'exec', '--tty', 'box', '--', 'sh', '-c'];
    const script = 'stty size; trap "echo caught" INT; echo up; sleep 100; exit 6';
    await using window = await Window.open(desk, [...words, script], { cwd: here, size: { columns: 91, rows: 31 } });
    expect(await window.shows(/up/)).toContain('31 91');
    await window.press('C-c');
    await window.shows(/caught[^]*\[exit 6\]/);
  });

  it('passes streams of any bytes, the exit code and signals through', async () => {
    const script = 'cat; echo to-stderr >&2; exit 7';
    expect(await exec([], ['sh', '-c', script], { input: 'from stdin\n' })).toEqual({
      stdout: 'from stdin',
      stderr: 'to-stderr',
      exitCode: 7,
    });
    const file = join(desk.lab.dir, 'through');
    await writeFile(
      file,
      Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, i) => i)), randomBytes(2_000_000)]),
    );
    const line = `'${process.execPath}' '${mainProgram}' container exec box -- cat <'${file}' | cmp - '${file}'`;
    expect(await shellLine(line)).toMatchObject({ exitCode: 0 });
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 5],
    ] as const) {
      const trap = 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done';
      const running = desk.spawn(here, ['container', 'exec', 'box', '--', 'sh', '-c', trap]);
      await running.printed(/up/, 60_000);
      expect(await running.stop(signal)).toMatchObject({ exitCode: code });
    }
  });
});
