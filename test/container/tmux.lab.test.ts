import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sized } from '../helpers/full.ts';
import { until } from '../lab/until.ts';
import { openDesk, type Desk } from '../session/desk.ts';

let desk: Desk;
let here: string;

beforeAll(async () => {
  desk = await openDesk('tmux', ['system']);
  here = await desk.workspace('project');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

const dummy = { COI_USE_DUMMY: '1' };

function tmux(...args: string[]) {
  return desk.coi(here, ['tmux', ...args]);
}

/** What a line of shell says as a user inside. */
function inside(name: string, line: string, user = 'code'): Promise<string> {
  return desk.lab.incus('exec', name, '--', 'su', '--login', user, '--command', line);
}

/** Starts a container with a session that writes down every byte it gets. */
async function listen(name: string): Promise<void> {
  expect(await desk.coi(here, ['container', 'launch', 'system', name])).toMatchObject({ exitCode: 0 });
  const ready = () => desk.lab.run(['incus', 'exec', name, '--', 'systemctl', 'is-system-running', '--wait']);
  await until('the system to be up', async () => /running|degraded/.test((await ready()).stdout), {
    timeoutMs: 90_000,
  });
  await inside(name, `tmux new-session -d -s coi-${name} 'stty raw -echo; : >~/got; exec cat >~/got'`);
  await until('the session to listen', async () => (await inside(name, 'ls')).includes('got'), { timeoutMs: 30_000 });
}

/** Any text that an argument can hold, with what shells, tmux and terminals would take for theirs. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ';',
        '\\',
        '"',
        "'",
        '$HOME',
        '`id`',
        '$(id)',
        '-',
        '--',
        '#{pid}',
        '{',
        '}',
        '~',
        '!',
        '\n',
        '\t',
      ),
      fc.constantFrom('\u001B[201~', '\u0003', '\u0004', '\r', 'ü', '\u{1F600}', 'Enter', 'C-c', '%', '&', '|', ' '),
      fc.string({ maxLength: 8 }).filter((text) => !text.includes('\0')),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe('coi tmux', () => {
  it('types a text just as it is, whatever it holds, and Enter', async () => {
    await listen('ear');
    const fixed = ['plain', '', ';', 'a;', 'a\\;', '-x', '--', 'two\nlines', "it's $HOME `id`", 'x'.repeat(40_000)];
    const texts = [...fixed, ...fc.sample(hostile, sized(3, 30))];
    let all = '';
    for (const text of texts) {
      expect(await tmux('send', '--', 'ear', text)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
      all += `${text}\r`;
    }
    const got = async () => Buffer.from(await inside('ear', 'base64 -w 0 got'), 'base64');
    const wanted = Buffer.from(all);
    await until('all of it to arrive', async () => (await got()).length >= wanted.length, { timeoutMs: 20_000 });
    expect((await got()).toString('utf8')).toBe(all);
    expect(await inside('ear', 'tmux list-buffers')).toBe('');
    await desk.coi(here, ['container', 'delete', '--force', 'ear']);
  });

  it('shows up in the pane of the agent, who runs as the code user, and can be read there', async () => {
    const started = await desk.coi(here, ['shell', '--background', '--image', 'system'], { env: dummy });
    expect(started).toMatchObject({ exitCode: 0 });
    const name = desk.instance(here);
    const shown = async () => (await tmux('capture', name)).stdout;
    await until('the agent to be ready', async () => (await shown()).includes('ready, type a line'), {
      timeoutMs: 30_000,
    });
    expect(await tmux('send', name, 'hello "world"; $HOME äöü')).toMatchObject({ exitCode: 0, stdout: '' });
    await until('the answer', async () => (await shown()).includes('you said: hello "world"; $HOME äöü'), {
      timeoutMs: 20_000,
    });
    // Root has no session: it is the user's.
    expect(await desk.lab.run(['incus', 'exec', name, '--', 'tmux', 'has-session'])).toMatchObject({ exitCode: 1 });
    const escape = "printf '\\033[31mred\\033[0m \\342\\200\\256turned' >$(tmux display-message -p '#{pane_tty}')";
    await inside(name, escape);
    const steered = await shown();
    expect(steered).toContain('red \\u202eturned');
    expect(steered).not.toContain('\u001B');
  });

  it('lists those that run and have one, of the own prefix', async () => {
    const listed = async (env = {}) => {
      const { stdout } = await desk.coi(here, ['tmux', 'list', '--format', 'json'], { env });
      return (JSON.parse(stdout) as { container: string; session: string }[]).map(({ container, session }) => {
        expect(session).toBe(`coi-${container}`);
        return container;
      });
    };
    const mine = { COI_CONTAINER_PREFIX: 'mine-' };
    const name = desk.instance(here);
    await desk.coi(here, ['shell', '--background', '--image', 'system'], { env: { ...dummy, ...mine } });
    expect(await listed()).toEqual([name]);
    expect(await listed(mine)).toEqual([desk.instance(here, 1, 'mine-')]);
    expect((await tmux('list')).stdout).toContain(name);
    await inside(name, `tmux kill-session -t =coi-${name}`);
    expect(await listed()).toEqual([]);
    expect((await tmux('list')).stdout).toBe('No tmux sessions');
    for (const args of [
      ['send', name, 'x'],
      ['capture', name],
    ]) {
      expect(await tmux(...args)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('no tmux session') });
    }
    await desk.coi(here, ['kill', '--all', '--force'], { env: mine });
  });

  it('says when a container does not run, or is none', async () => {
    expect(await desk.coi(here, ['container', 'launch', 'system', 'still'])).toMatchObject({ exitCode: 0 });
    expect(await desk.coi(here, ['container', 'stop', '--force', 'still'])).toMatchObject({ exitCode: 0 });
    for (const args of [
      ['send', 'still', 'x'],
      ['capture', 'still'],
    ]) {
      expect(await tmux(...args)).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringContaining('not running'),
      });
    }
    expect(await tmux('send', 'none', 'x')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('no container'),
    });
    expect(await tmux('send', 'still')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('TEXT') });
    await desk.coi(here, ['container', 'delete', 'still']);
  });
});
