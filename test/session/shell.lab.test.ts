import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../lab/until.ts';
import { openDesk, type Desk } from './desk.ts';
import { Window, type WindowOptions } from './typing.ts';

let desk: Desk;
let here: string;
let name: string;
let count = 0;

beforeAll(async () => {
  desk = await openDesk('shell', ['system', 'busybox']);
});
afterAll(() => desk?.[Symbol.asyncDispose]());

// Each works in a directory of its own.
async function project(): Promise<void> {
  count += 1;
  here = await desk.workspace(`project-${count}`);
  name = desk.instance(here);
}

afterEach(async () => {
  await desk.coi('/', ['kill', '--all', '--force']);
});

const dummy = { COI_USE_DUMMY: '1' };

/** Opens a terminal in the project. */
function open(args: readonly string[], options: Partial<WindowOptions> = {}): Promise<Window> {
  return Window.open(desk, args, { cwd: here, ...options });
}

function shell(args: readonly string[] = [], options: Partial<WindowOptions> = {}): Promise<Window> {
  return open(['shell', '--image', 'system', ...args], { env: dummy, ...options });
}

function background(args: readonly string[] = [], env: Readonly<Record<string, string>> = dummy) {
  return desk.coi(here, ['shell', '--background', '--image', 'system', ...args], { env });
}

async function state(): Promise<string | undefined> {
  return (await desk.controller.instances()).get(name);
}

/** What a line of shell says as the user inside. */
function inside(line: string): Promise<string> {
  return desk.lab.incus('exec', name, '--', 'su', '--login', 'code', '--command', line);
}

describe('coi shell', () => {
  it('is what coi does without a command: an agent in tmux, left and gone back to', async () => {
    await project();
    await using window = await open(['--image', 'system'], { env: dummy });
    const screen = await window.shows(/ready, type a line/);
    expect(screen).toContain('started as code in /workspace');
    await window.type('hello there');
    await window.shows(/you said: hello there/);
    expect((await inside('tmux list-clients')).split('\n')).toHaveLength(1);
    await window.press('C-b', 'd');
    expect(await window.shows(/\[exit 0\]/)).toContain(`Container kept running: ${name}`);
    expect(await state()).toBe('Running');
    await using back = await open(['attach', name]);
    await back.shows(/you said: hello there/);
  });

  it('starts in the background, takes slot after slot, and is found by attach', async () => {
    await project();
    await using none = await open(['attach']);
    await none.shows(/No active sessions\n\[exit 0\]/);
    const first = await background();
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stdout).toContain(`coi attach ${name}`);
    expect(await inside('tmux list-sessions -F "#{session_name} #{session_attached}"')).toBe(`coi-${name} 0`);
    await using only = await open(['attach']);
    await only.shows(/ready, type a line/);

    const second = await background();
    const other = desk.instance(here, 2);
    expect(second.stdout.split('\n')[0]).toBe(other);
    // A home of its own, and the same workspace.
    await inside('touch own');
    await writeFile(join(here, 'shared'), 'for all');
    const inOther = (line: string) => desk.lab.incus('exec', other, '--', 'su', '--login', 'code', '--command', line);
    expect([await inOther('ls'), await inOther('cat /workspace/shared')]).toEqual(['', 'for all']);
    await using several = await open(['attach']);
    const choice = await several.shows(/\[exit 0\]/);
    expect(choice).toContain(`1. ${name} (${here})`);
    expect(choice).toContain('Usage: coi attach NAME');
    await using slot = await open(['attach', '--slot', '2', '-w', here], { cwd: '/' });
    await slot.shows(/ready, type a line/);
    expect(await desk.coi('/', ['attach', '--slot', '2'])).toMatchObject({ exitCode: 1 });
  });

  it('starts bash in place of the agent, or the agent without tmux', async () => {
    await project();
    await using debug = await shell(['--debug'], { env: {} });
    await debug.shows(/code@.*\/workspace\$/);
    expect(await inside('tmux list-sessions -F "#{session_name}"')).toBe(`coi-${name}`);

    name = desk.instance(here, 2);
    await using direct = await shell(['--no-tmux', '-e', 'VALUE=a b']);
    await direct.shows(/ready, type a line/);
    expect(await desk.lab.run(['incus', 'exec', name, '--', 'pgrep', 'tmux'])).toMatchObject({ exitCode: 1 });
    const pid = (await inside('pgrep -x dummy')).trim();
    expect((await inside(`tr '\\0' '\\n' </proc/${pid}/environ`)).split('\n')).toContain('VALUE=a b');
    expect(await inside('cat .claude/settings.json')).toContain('bypassPermissions');
    expect(await inside('ls /dev/shm')).toBe('');
    await direct.type('quit');
    await direct.shows(/Container kept running.*\n.*\n\[exit 0\]/);
  });

  it('drops to a shell when the agent ends; exit keeps the container, attach says what there is and what became of it', async () => {
    await project();
    await using window = await shell();
    await window.shows(/ready, type a line/);
    await window.type('quit');
    await window.shows(/The agent ended with exit code 0[^]*code@.*\/workspace\$/);
    await window.type('exit');
    await window.shows(/Container kept running[^]*\[exit 0\]/);
    expect(await state()).toBe('Running');
    expect(await desk.coi(here, ['attach', name])).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining(`coi attach ${name} --bash`),
    });
    await using bash = await open(['attach', name, '--bash']);
    await bash.shows(/code@.*\/workspace\$/);
    await bash.type('exit');
    await bash.shows(/\[exit 0\]/);

    await using last = await open(['attach', name, '--bash']);
    await last.shows(/code@.*\/workspace\$/);
    await last.type('poweroff');
    await last.shows(/Session data saved\nCleanup complete\n\[exit 0\]/);
  });

  it('has its agent started again for whoever goes back to a container that exit kept, and for nobody else', async () => {
    await project();
    await using window = await shell();
    await window.shows(/ready, type a line/);
    await window.type('quit');
    await window.shows(/The agent ended with exit code 0/);
    await window.type('exit');
    await window.shows(/Container kept running[^]*\[exit 0\]/);

    await desk.controller.restart();
    await desk.controller.when(name.slice(4), ({ agent }) => agent.state === 'ended');
    const agents = async () => (await desk.lab.run(['incus', 'exec', name, '--', 'pgrep', '-c', '-x', 'dummy'])).stdout;
    expect(await agents()).toBe('0');

    expect(await background(['--resume'])).toMatchObject({ exitCode: 0 });
    expect(await agents()).toBe('1');
    expect((await desk.controller.instances()).size).toBe(1);
    await inside(`tmux kill-session -t =coi-${name}`);
    await using back = await shell(['--resume']);
    await back.shows(/ready, type a line/);
  });

  it('runs no longer than it may, also where its system starts again inside', async () => {
    await project();
    expect(await background(['--limit-duration', '10h'])).toMatchObject({ exitCode: 0 });
    const used = async () => {
      const { last_used_at: at } = JSON.parse(await desk.lab.incus('query', `/1.0/instances/${name}`)) as object & {
        last_used_at: string;
      };
      return at;
    };
    const endsAt = async () => (await desk.controller.ready(name.slice(4), 'running')).next_look_at;
    const [before, at] = [await used(), await endsAt()];
    expect(at).toBeDefined();
    await desk.lab.incus('exec', name, '--', 'reboot');
    await until('it to have started again', async () => (await used()) !== before, { timeoutMs: 60_000 });
    expect(await endsAt()).toBe(at);
  });

  it('says at once what an image lacks for the agent, and leaves nothing', async () => {
    await project();
    await using window = await open(['--image', 'busybox'], { env: dummy });
    await window.shows(/could not be started[^]*coi shell --tmux=false[^]*\[exit 1\]/, 30_000);
    await desk.cleared();
    expect(await state()).toBeUndefined();
  });

  it('is over with poweroff inside: an ephemeral container goes, a persistent one stays, and goes on later', async () => {
    await project();
    await using window = await shell(['--debug']);
    await window.shows(/code@.*\/workspace\$/);
    await window.type('poweroff');
    await window.shows(/Cleanup complete\n\[exit 0\]/);
    expect(await state()).toBeUndefined();

    await using kept = await shell(['--debug', '--persistent', '--slot', '1']);
    await kept.shows(/code@.*\/workspace\$/);
    await kept.type('touch ~/marker; poweroff');
    await kept.shows(/Container kept, stopped[^]*\[exit 0\]/);
    expect(await state()).toBe('Stopped');
    expect(await desk.coi(here, ['attach', name])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`${name} is not running, but stopped`),
    });

    await using again = await shell(['--persistent']);
    await again.shows(/ready, type a line/);
    expect(await inside('ls')).toBe('marker');
    expect((await desk.coi(here, ['list'])).stdout).toContain(`${name} (persistent)`);
    await using joined = await shell(['--persistent', '--slot', '1']);
    await joined.shows(/ready, type a line/);
    expect((await inside('tmux list-clients')).split('\n')).toHaveLength(2);
    expect((await desk.controller.instances()).size).toBe(1);
  });

  it('goes on when its terminal goes away, and ends its part on signals', async () => {
    await project();
    const window = await shell();
    await window.shows(/ready, type a line/);
    await window.close();
    await until('nobody to look', async () => (await inside('tmux list-clients')) === '', { timeoutMs: 20_000 });
    expect(await state()).toBe('Running');

    await using shown = await open(['attach', name]);
    await shown.shows(/ready, type a line/);
    await shown.press('C-c');
    await shown.shows(/The agent ended with exit code/);
    process.kill(await shown.pid(), 'SIGTERM');
    await shown.shows(/Container kept running[^]*\[exit 0\]/);
    expect(await state()).toBe('Running');
  });

  it('leaves nothing when it is called off before it runs, or cannot run', async () => {
    await project();
    await using window = await shell();
    await window.shows(/Container:/);
    await window.press('C-c');
    expect(await window.shows(/\[exit 0\]/)).not.toContain('Container kept');
    await desk.cleared();

    await using unknown = await open(['--image', 'nowhere']);
    await unknown.shows(/There is no image with the alias "nowhere"[^]*\[exit 1\]/);
    await desk.cleared();
  });

  it('has the size of the terminal, also when that changes', async () => {
    await project();
    await background();
    await using window = await open(['attach', name, '--bash'], { size: { columns: 101, rows: 31 } });
    await window.shows(/code@.*\/workspace\$/);
    await window.type('stty size');
    await window.shows(/^31 101$/m);
    await window.resize(90, 20);
    const resized = async () => {
      await window.type('stty size');
      return /^20 90$/m.test(await window.screen());
    };
    expect(await until('the other size', resized)).toBe(true);
  });

  it('hands over values of --env as they are, and nothing of the host', async () => {
    await project();
    const secret = `s3cr3t-${randomBytes(8).toString('hex')}`;
    const value = `a,b "c" 'd' $HOME \`id\` ${secret}\nsecond=line\\`;
    const env = { ...dummy, HOST_SECRET: 'of the host', TERM: 'xterm-ghostty' };
    await background(['-e', `VALUE=${value}`, '--env=EMPTY='], env);
    const pid = (await inside('pgrep -x dummy')).trim();
    const variables = (await inside(`cat /proc/${pid}/environ | base64 -w 0`)).trim();
    const seen = Buffer.from(variables, 'base64').toString('utf8').split('\0');
    expect(seen).toContain(`VALUE=${value}`);
    for (const known of ['EMPTY=', 'HOME=/home/code', 'IS_SANDBOX=1', 'TERM=xterm-256color'])
      expect(seen).toContain(known);
    expect(seen.join('\n')).not.toContain('of the host');

    expect(await desk.lab.inside.output(['ps', '-eo', 'args', '--no-headers'])).not.toContain(secret);
    expect(await inside('ps -eo args')).not.toContain(secret);
    expect(await inside('ls -a /dev/shm .coi/agent')).not.toMatch(/env\.|coi\./);
    expect(await desk.lab.incus('config', 'show', name, '--expanded')).not.toContain(secret);
    // In one file, for root alone, until its session is over.
    const files = async () => (await desk.lab.run(['grep', '-rl', secret, desk.lab.stateDir])).stdout.split('\n');
    const [file, ...others] = await files();
    expect({ file, others }).toEqual({ file: expect.stringMatching(/\.env$/), others: [] });
    expect(await desk.lab.inside.output(['stat', '-c', '%a %u', file ?? ''])).toBe('600 0');
    await desk.coi(here, ['kill', name]);
    expect(await files()).toEqual(['']);
  });

  it('takes another agent for once, and knows those that there are', async () => {
    await project();
    await background(['--tool', 'opencode']);
    expect(await inside('cat .config/opencode/opencode.json')).toContain('"*": "allow"');
    expect(await inside('ls -A')).not.toContain('.claude');
    const unknown = await background(['--tool', 'nothing']);
    expect(unknown.exitCode).toBe(1);
    for (const known of ['--tool', 'claude', 'opencode', 'aider', 'codex', 'gemini'])
      expect(unknown.stderr).toContain(known);
  });

  it('works for root without a controller, which then takes over', async () => {
    await project();
    await desk.controller.stop();
    expect(await background()).toMatchObject({ exitCode: 0 });
    expect(await inside('pgrep -c -x dummy')).toBe('1');
    await using window = await open(['attach', name]);
    await window.shows(/ready, type a line/);
    await desk.controller.start();
    const found = await desk.controller.ready(name.slice(4), 'running');
    expect(found.agent.state).toBe('running');
    expect(await inside('pgrep -c -x dummy')).toBe('1');
  });

  it('shows a container that there is, and takes no words', async () => {
    await project();
    await background();
    await using window = await shell(['--container', name]);
    await window.shows(/ready, type a line/);
    expect((await desk.controller.instances()).size).toBe(1);
    expect(await desk.coi(here, ['shell', 'some-id'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('--resume=some-id'),
    });
    expect(await desk.coi(here, ['shell'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('coi shell --background'),
    });
    expect(await desk.coi(here, ['attach', 'coi-00000000-1'])).toMatchObject({ exitCode: 1 });
  });
});
