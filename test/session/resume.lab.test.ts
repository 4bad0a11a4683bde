import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../lab/until.ts';
import { devId, homeIn, openDesk, type Desk } from './desk.ts';
import { Window } from './typing.ts';

let desk: Desk;
let home: string;
let here: string;
let name: string;
let count = 0;

beforeAll(async () => {
  desk = await openDesk('resume', ['system']);
  home = homeIn(desk.lab, 'dev');
  await inHome('.claude/.credentials.json', '{"token":"first"}');
});
afterAll(() => desk?.[Symbol.asyncDispose]());
afterEach(async () => {
  await desk.coi('/', ['kill', '--all', '--force']);
});

async function inHome(path: string, text: string): Promise<void> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  await desk.lab.inside.output(['chown', '-hR', `${devId}:${devId}`, home]);
}

// Each works in a directory of its own.
async function project(): Promise<void> {
  count += 1;
  here = await desk.workspace(`project-${count}`);
  name = desk.instance(here);
}

/** Commands of the user without rights. */
const as = { SUDO_UID: String(devId), SUDO_USER: 'dev', COI_USE_DUMMY: '1' };
const coi = (...args: string[]) => desk.coi(here, args, { env: as });

async function background(...args: string[]): Promise<string> {
  const started = await coi('shell', '--background', '--image', 'system', ...args);
  if (started.exitCode !== 0) throw new Error(started.stderr);
  const [, id = ''] = /(?:Starting|Resuming) session (\S+)/.exec(started.stderr) ?? [];
  return id;
}

const inside = (line: string, instance = name) =>
  desk.lab.incus('exec', instance, '--', 'su', '--login', 'code', '--command', line);

/** A conversation as the agent would leave it. */
async function converse(id: string, when: string): Promise<void> {
  const directory = '.claude/projects/-workspace';
  await inside(`mkdir -p ${directory}; echo talk >${directory}/${id}.jsonl; touch -d ${when} ${directory}/${id}.jsonl`);
}

const older = 'ffffffff-0000-4000-8000-000000000000';
const newer = '00000000-0000-4000-8000-000000000000';

async function commandLine(instance = name): Promise<string[]> {
  const pid = await until(
    'an agent',
    async () => (await inside('pgrep -x dummy || true', instance)).trim() || undefined,
    {
      timeoutMs: 60_000,
    },
  );
  return (await inside(`tr '\\0' '\\n' </proc/${pid}/cmdline`, instance)).trim().split('\n').slice(2);
}

const saved = (id: string, file = '') => join(home, '.coi/sessions-claude', id, file);
const isGone = () =>
  until(
    'the container to be gone',
    async () =>
      ![...(await desk.controller.instances()).keys()].some((each) => each === name || each.startsWith('coi-del-')),
    { timeoutMs: 90_000 },
  );

describe('a session', () => {
  it('is saved when its container is powered off, as its owner, and goes on in a new one', async () => {
    await project();
    const id = await background();
    const early = JSON.parse(await readFile(saved(id, 'metadata.json'), 'utf8')) as object;
    expect(early).toMatchObject({ session_id: id, container_name: name, persistent: false, workspace: here });
    await converse(older, '2026-01-01');
    await converse(newer, '2026-02-02');
    await inside('touch of-nobody');
    await desk.lab.incus('exec', name, '--', 'poweroff');
    await isGone();
    const talk = saved(id, `.claude/projects/-workspace/${newer}.jsonl`);
    expect(await readFile(talk, 'utf8')).toBe('talk\n');
    expect((await stat(talk)).uid).toBe(devId);
    expect(await readdir(saved(id, '.claude'))).not.toContain('.credentials.json');

    const list = await coi('list', '--all');
    expect(list.stdout).toContain(`Saved Sessions:\n  ${id}\n    Saved: `);
    const { saved_sessions: sessions } = JSON.parse((await coi('list', '--all', '--format=json')).stdout) as object & {
      saved_sessions: object[];
    };
    expect(sessions).toEqual([{ ID: id, SavedAt: expect.stringMatching(/^\d{4}-.*Z$/), Workspace: here }]);
    const info = (await coi('info')).stdout;
    for (const text of [
      `Session ID: ${id}`,
      `Container name: ${name}`,
      'Data: present, ',
      saved(id),
      `coi shell --resume=${id}`,
    ]) {
      expect(info).toContain(text);
    }
    expect((await coi('info', id)).stdout).toBe(info);
    expect(await coi('info', 'nothing')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('coi list --all'),
    });

    await inHome('.claude/.credentials.json', '{"token":"second"}');
    expect(await background('--resume')).toBe(id);
    expect((await commandLine()).slice(-2)).toEqual(['--resume', newer]);
    expect(JSON.parse(await inside('cat .claude/.credentials.json'))).toEqual({ token: 'second' });
    expect(await inside(`cat .claude/projects/-workspace/${older}.jsonl`)).toBe('talk');
    expect(await inside('ls')).toBe('');
    expect(await inside('find . ! -user code -not -type l')).toBe('');
    // Once more, from what is there: saved again, with what came meanwhile.
    await converse('11111111-0000-4000-8000-000000000000', '2026-03-03');
    expect(await coi('shutdown', name)).toMatchObject({ exitCode: 0 });
    expect(await background(`--continue=${id}`)).toBe(id);
    expect((await commandLine()).at(-1)).toBe('11111111-0000-4000-8000-000000000000');
  });

  it('goes on without tmux as well, and is saved from there with what it had', async () => {
    await project();
    const id = await background();
    await converse(newer, '2026-02-02');
    expect(await coi('kill', name)).toMatchObject({ exitCode: 0 });
    const words = ['shell', '--image', 'system', '--tmux=false', '--resume'];
    await using window = await Window.open(desk, words, { cwd: here, env: as });
    await window.shows(/Resuming session[^]*ready, type a line/);
    expect((await commandLine()).slice(-2)).toEqual(['--resume', newer]);
    expect(await inside(`cat .claude/projects/-workspace/${newer}.jsonl`)).toBe('talk');
    // Somebody else who wants it joins it, and does not start it twice.
    expect(await coi('shell', '--background', '--image', 'system', `--resume=${id}`)).toMatchObject({ exitCode: 1 });
    expect((await desk.controller.instances()).size).toBe(1);
    await converse(older, '2026-03-03');
    expect(await coi('kill', name)).toMatchObject({ exitCode: 0 });
    const both = [`${newer}.jsonl`, `${older}.jsonl`].toSorted();
    expect((await readdir(saved(id, '.claude/projects/-workspace'))).toSorted()).toEqual(both);
  });

  it('of opencode goes on by itself where the workspace shows that there was one, and no login lands there', async () => {
    await project();
    await inHome('.local/share/opencode/auth.json', '{"key":"secret"}');
    const words = ['--tool', 'opencode', '--resume'];
    expect(await coi('shell', '--background', '--image', 'system', ...words)).toMatchObject({ exitCode: 1 });
    await mkdir(join(here, '.opencode'));
    await background(...words);
    expect((await commandLine()).at(-1)).toBe('--continue');
    const environment = await inside('tr "\\0" "\\n" </proc/$(pgrep -x dummy)/environ');
    expect(environment).not.toMatch(/^XDG_/m);
    expect(await inside('cat .local/share/opencode/auth.json')).toContain('secret');
    await inside('mkdir -p .local/share/opencode/storage; echo talk >.local/share/opencode/storage/talk');
    expect(await coi('kill', name)).toMatchObject({ exitCode: 0 });
    const sessions = join(home, '.coi/sessions-opencode');
    const [id = '', ...others] = await readdir(sessions);
    expect(others).toEqual([]);
    expect(await readdir(join(sessions, id, '.local/share/opencode'))).toEqual(['storage']);
    expect(await readdir(here)).toEqual(['.opencode']);
  });

  it('is saved on shutdown, on kill and when its command line is gone; not with --no-save', async () => {
    await project();
    for (const end of [['shutdown'], ['kill']]) {
      const id = await background();
      await converse(newer, '2026-02-02');
      expect(await coi(...end, name)).toMatchObject({ exitCode: 0 });
      expect(await readdir(saved(id, '.claude/projects/-workspace'))).toEqual([`${newer}.jsonl`]);
    }
    const unsaved = await background();
    await converse(newer, '2026-02-02');
    expect(await coi('kill', '--no-save', name)).toMatchObject({ exitCode: 0 });
    expect(await readdir(saved(unsaved))).toEqual(['metadata.json']);
    // While nobody looks: it is saved by the next look.
    const late = await background();
    await converse(newer, '2026-02-02');
    await desk.controller.stop('SIGKILL');
    await desk.lab.incus('stop', '--force', name);
    await desk.controller.start();
    await isGone();
    expect(await readdir(saved(late, '.claude/projects/-workspace'))).toEqual([`${newer}.jsonl`]);
  });

  it('belongs to its workspace, also by its id, and knows when there is none', async () => {
    await project();
    const id = await background();
    await coi('kill', name);
    await project();
    expect(await coi('shell', '--background', '--resume')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('no saved session of claude for this workspace'),
    });
    for (const other of [id, 'unknown', '../../x', 'a'.repeat(10_000)]) {
      const refused = await coi('shell', '--background', `--resume=${other}`);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toMatch(/coi list --all|another workspace|belongs to/);
    }
    expect((await desk.controller.instances()).size).toBe(0);
  });

  it('keeps its mode and its container: a persistent one goes on where it stopped', async () => {
    await project();
    const id = await background('--persistent');
    await converse(newer, '2026-02-02');
    await desk.lab.incus('exec', name, '--', 'sh', '-c', 'touch /srv/marker');
    await desk.lab.incus('exec', name, '--', 'poweroff');
    await until('it to stop', async () => (await desk.controller.instances()).get(name) === 'Stopped', {
      timeoutMs: 60_000,
    });
    await until('it to be saved', async () => (await readdir(saved(id))).includes('.claude'), { timeoutMs: 30_000 });
    expect(await background('--resume')).toBe(id);
    expect(await inside('ls /srv')).toBe('marker');
    expect((await commandLine()).slice(-2)).toEqual(['--resume', newer]);
    const { stdout } = await coi('list', '--format', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ active_containers: [{ name, persistent: true }] });
    // While it runs, going on with it is joining it.
    const joined = await coi('shell', '--background', '--resume');
    expect(joined.stderr).toContain('Going on with the session that runs');
    expect((await desk.controller.instances()).size).toBe(1);
  });

  it('goes on from what was saved of it where its container is taken away by hand', async () => {
    await project();
    const id = await background('--persistent');
    await converse(newer, '2026-02-02');
    await desk.lab.incus('exec', name, '--', 'poweroff');
    const talk = saved(id, `.claude/projects/-workspace/${newer}.jsonl`);
    await until('it to be saved', async () => (await readFile(talk, 'utf8').catch(() => '')) !== '', {
      timeoutMs: 60_000,
    });
    // Protection is back before anybody could delete: hold the controller still.
    process.kill(desk.controller.pid, 'SIGSTOP');
    await desk.lab.incus('config', 'unset', name, 'security.protection.delete');
    await desk.lab.incus('delete', name);
    process.kill(desk.controller.pid, 'SIGCONT');
    await desk.controller.when(name.slice('coi-'.length), ({ agent }) => agent.state === 'running', {
      timeoutMs: 60_000,
    });
    expect((await commandLine()).slice(-2)).toEqual(['--resume', newer]);
    expect(await coi('shutdown', name)).toMatchObject({ exitCode: 0 });
    expect(await readFile(talk, 'utf8')).toBe('talk\n');
  });

  it('goes with coi clean --sessions, and only then', async () => {
    await project();
    const id = await background();
    await converse(newer, '2026-02-02');
    await coi('kill', name);
    expect((await coi('clean', '--force')).stdout).toBe('Nothing to clean');
    const dry = await coi('clean', '--sessions', '--dry-run');
    expect(dry.stdout).toContain(`  ${id} (${here})`);
    expect(await coi('info', id)).toMatchObject({ exitCode: 0 });
    expect((await coi('clean', '--sessions', '--force')).stdout).toMatch(/Removed \d+$/);
    expect((await coi('list', '--all')).stdout).toContain('Saved Sessions:\n  (none)');
    expect(await coi('info')).toMatchObject({ exitCode: 1 });
    expect(await readdir(join(home, '.claude'))).toContain('.credentials.json');
  });

  it('of a dropped file is saved when the file is gone', async () => {
    await desk.controller.declare(
      'job',
      'image = "system"',
      'tool.name = "claude"',
      'tool.binary = "dummy"',
      'prompt = "x"',
    );
    await desk.controller.when('job', ({ agent }) => agent.state === 'running', { timeoutMs: 60_000 });
    name = 'coi-job';
    await converse(newer, '2026-02-02');
    await desk.controller.remove('job.toml');
    await isGone();
    const sessions = join(homeIn(desk.lab), '.coi/sessions-claude');
    const [id = '', ...others] = await readdir(sessions);
    expect(others).toEqual([]);
    expect(await readdir(join(sessions, id, '.claude/projects/-workspace'))).toEqual([`${newer}.jsonl`]);
  });
});
