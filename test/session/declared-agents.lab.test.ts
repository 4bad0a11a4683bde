import { chmod, chown, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../lab/until.ts';
import { devId, homeIn, openDesk, type Desk } from './desk.ts';
import { Window } from './typing.ts';

let desk: Desk;
let home: string;

beforeAll(async () => {
  desk = await openDesk('declared-agents', ['system']);
  home = homeIn(desk.lab, 'dev');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

async function inHome(path: string, text: string): Promise<void> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  await desk.lab.inside.output(['chown', '-hR', `${devId}:${devId}`, home]);
}

/** Drops a manifest of that user's, all at once. */
async function drop(name: string, ...keys: readonly string[]): Promise<void> {
  const file = join(desk.controller.dir(), `${name}.toml`);
  const text = ['apiVersion = "coi/v1"', `[sandbox.${name}]`, 'image = "system"', 'tool.binary = "dummy"', ...keys, ''];
  await writeFile(`${file}~`, text.join('\n'));
  await chown(`${file}~`, devId, devId);
  await chmod(`${file}~`, 0o644);
  await rename(`${file}~`, file);
}

function inside(name: string, line: string): Promise<string> {
  return desk.lab.incus('exec', `coi-${name}`, '--', 'su', '--login', 'code', '--command', line);
}

const json = async (name: string, file: string) => JSON.parse(await inside(name, `cat ${file}`)) as unknown;

const agentPid = (name: string) =>
  until('an agent', async () => (await inside(name, 'pgrep -x dummy || true')).trim() || undefined, {
    timeoutMs: 60_000,
    everyMs: 200,
  });

describe('an agent by name from a dropped file', () => {
  it('starts without a terminal on what it is to do, with the credentials of the owner of the file, and is joined', async () => {
    await inHome('.claude/.credentials.json', '{"token":"first"}');
    await inHome('.claude/settings.json', '{"env":{"MINE":"1"},"permissions":{"allow":["Read"]}}');
    await inHome('.claude/projects/-private/x.jsonl', 'private');
    await inHome('.ssh/id', 'private');
    await drop('work', 'tool.name = "claude"', 'prompt = "Make the test pass."', 'restart = "always"');
    const isUp = ({ agent }: { agent: { state: string } }) => agent.state === 'running';
    await desk.controller.when('work', isUp, { timeoutMs: 60_000 });
    await desk.controller.condition('work', 'Healthy=True(Running)');
    const before = await agentPid('work');
    const wordsOf = async (pid: string) =>
      (await inside('work', `tr '\\0' '\\n' </proc/${pid}/cmdline`)).trim().split('\n').slice(2);
    const beginning = ['--verbose', '--permission-mode', 'bypassPermissions'];
    const words = await wordsOf(before);
    expect(words).toEqual([
      ...beginning,
      '--session-id',
      expect.stringMatching(/^[0-9a-f-]{36}$/),
      '--',
      'Make the test pass.',
    ]);
    expect(await json('work', '.claude/.credentials.json')).toEqual({ token: 'first' });
    expect(await json('work', '.claude/settings.json')).toMatchObject({
      env: { MINE: '1' },
      permissions: { allow: ['Read'], defaultMode: 'bypassPermissions' },
    });
    expect(await json('work', '.claude.json')).toMatchObject({ bypassPermissionsModeAccepted: true });
    expect(await inside('work', 'find . ! -user code -o -name "*private*" -o -name id -o -name "*.jsonl"')).toBe('');

    await using window = await Window.open(desk, ['attach', 'work'], { cwd: '/' });
    await window.shows(/working on: .* Make the test pass\./);
    // What is fresh outside is fresh inside when it starts again, and what the agent wrote stays.
    await inHome('.claude/.credentials.json', '{"token":"second"}');
    const id = words[words.indexOf('--session-id') + 1]!;
    await inside('work', `mkdir -p .claude/projects/-workspace && touch .claude/projects/-workspace/${id}.jsonl`);
    await inside('work', `kill ${before}`);
    const another = await until(
      'another agent',
      async () => {
        const pid = await agentPid('work');
        return pid === before ? undefined : pid;
      },
      { timeoutMs: 60_000, everyMs: 200 },
    );
    // A conversation of its own id is there: it goes on, for claude takes no id twice.
    expect(await wordsOf(another)).toEqual([...beginning, '--resume', id, '--', 'Make the test pass.']);
    expect(await json('work', '.claude/.credentials.json')).toEqual({ token: 'second' });
    expect(await inside('work', 'ls .claude/projects/-workspace')).toContain(id);
    expect((await desk.controller.sandbox('work'))?.agent).toMatchObject({ state: 'running', restarts: 1 });
  });

  it('is said to be without a credential, or without a file that is a link', async () => {
    await drop('poor', 'tool.name = "codex"', 'prompt = "x"', 'restart = "never"');
    const poor = await desk.controller.condition('poor', 'Healthy=False(CredentialMissing)', { timeoutMs: 60_000 });
    const message = poor.conditions.find(({ type }) => type === 'Healthy')?.message;
    expect(message).toContain(`${home}/.codex/auth.json`);
    expect((await desk.controller.coi('why', 'poor')).stdout).toContain('codex cannot log in');
    expect((await desk.controller.coi('status', 'poor')).stdout).toContain('codex cannot log in');

    await inHome('.gemini/oauth_creds.json', '{}');
    await symlink('../.ssh/id', join(home, '.gemini/settings.json'));
    await inHome('.gemini/google_accounts.json', '{}');
    await drop('linked', 'tool.name = "gemini"', 'prompt = "x"');
    const linked = await desk.controller.condition('linked', 'Healthy=False(FilesRefused)', { timeoutMs: 60_000 });
    expect(linked.conditions.find(({ type }) => type === 'Healthy')?.message).toContain('~/.gemini/settings.json');
    await agentPid('linked');
    expect(await inside('linked', 'ls .gemini')).toBe('google_accounts.json\noauth_creds.json\nsettings.json');
  });

  it('is said to have ended, once and for all or until it starts again', async () => {
    await drop('once', 'tool.command = ["dummy", "--exit", "3"]', 'restart = "never"', 'persistent = true');
    const once = await desk.controller.condition('once', 'Healthy=False(AgentDown)', { timeoutMs: 60_000 });
    expect(once.agent).toEqual({ state: 'ended', exit_code: 3 });
    expect(once.conditions.find(({ type }) => type === 'Healthy')?.message).toBe('Its agent ended with exit code 3');
    await drop('again', 'tool.command = ["dummy", "--exit", "4"]');
    const isAgain = ({ agent }: typeof once) => (agent.restarts ?? 0) > 1;
    const again = await desk.controller.when('again', isAgain, { timeoutMs: 60_000 });
    expect(again.state).toBe('running');
  });
});

describe('an agent of a session', () => {
  it('has the credentials of whoever opened it, also behind sudo', async () => {
    await inHome('.claude/.credentials.json', '{"token":"mine"}');
    const here = await desk.workspace('project');
    const env = { SUDO_UID: String(devId), SUDO_USER: 'dev', COI_USE_DUMMY: '1' };
    const started = await desk.coi(here, ['shell', '--background', '--image', 'system'], { env });
    expect(started).toMatchObject({ exitCode: 0 });
    const name = desk.instance(here).slice(4);
    expect(await json(name, '.claude/.credentials.json')).toEqual({ token: 'mine' });
    expect((await desk.controller.sandbox(name))?.source).toBe(`session/${devId}`);
  });
});
