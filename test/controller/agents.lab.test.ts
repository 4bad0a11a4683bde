import { chmod, chown, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';

// Each of them works on a sandbox of its own and mostly waits for systems to boot.
vi.setConfig({ maxConcurrency: 20 });

/** The user of the host whose files the code user may write: the one with the same number. */
const owner = 1000;

let lab: Lab;
let controller: LabController;

beforeAll(async () => {
  lab = await openLab({ name: 'agents', images: ['system', 'busybox'] });
  controller = await startController(lab);
});
afterAll(async () => {
  await controller?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** A directory of that user. */
async function workspace(name: string): Promise<string> {
  const path = join(lab.dir, `work-${name}`);
  await mkdir(path);
  await chown(path, owner, owner);
  await chmod(path, 0o755);
  return path;
}

function declareAgent(name: string, ...keys: readonly string[]): Promise<void> {
  return controller.declare(name, 'image = "system"', ...keys);
}

const inside = (name: string, ...argv: string[]) => lab.incus('exec', `coi-${name}`, '--', ...argv);

/** Process numbers of the agents inside, one a line: not their windows' shells, not those who wait for them. */
async function agentsIn(name: string): Promise<string> {
  const { stdout } = await lab.run(['incus', 'exec', `coi-${name}`, '--', 'pgrep', '-x', '-u', 'code', 'dummy']);
  return stdout.trim();
}

/** What stands in the window of an agent. */
function screen(name: string): Promise<string> {
  const tmux = `tmux capture-pane -p -J -S - -t coi-coi-${name}`;
  return inside(name, 'su', '--login', 'code', '--command', tmux);
}

describe.concurrent('an agent from a file', () => {
  it('works as the code user in the workspace, whose files keep their owner', async () => {
    const path = await workspace('owned');
    await declareAgent(
      'owned',
      `workspace = "${path}"`,
      'tool.command = ["dummy", "--sleep", "600", "--touch", "/workspace/proof"]',
      `prompt = "it's done: $(id) \\"quoted\\" --help"`,
    );
    const { agent } = await controller.ready('owned', 'running');
    expect(agent.state).toBe('running');
    const proof = join(path, 'proof');
    await until('the proof', () => stat(proof), { timeoutMs: 60_000, everyMs: 200 });
    expect(await readFile(proof, 'utf8')).toBe(`it's done: $(id) "quoted" --help\n`);
    expect(await stat(proof)).toMatchObject({ uid: owner, gid: owner });
    expect(await inside('owned', 'stat', '--format', '%U', '/workspace/proof')).toBe('code');
    expect(await screen('owned')).toMatch(/started as code in \/workspace with 5 arguments/);
    expect((await screen('owned')).replaceAll('\n', '')).toContain(`argument: it's done: $(id) "quoted" --help`);
  });

  it('ends with a condition, and stays ended where it is not to be restarted', async () => {
    await declareAgent('once', 'tool.command = ["dummy", "--exit", "3"]', 'restart = "never"');
    const ended = await controller.condition('once', 'Healthy=False(AgentDown)', { timeoutMs: 60_000, everyMs: 200 });
    expect(ended).toMatchObject({ agent: { state: 'ended', exit_code: 3 }, state: 'running', ready: true });
    expect(ended.conditions.find(({ type }) => type === 'Healthy')?.message).toContain('exit code 3');
    await sleep(3_000);
    expect((await screen('once')).match(/started as code/g)).toHaveLength(1);
    expect(await screen('once')).toContain('The agent ended with exit code 3.');
    await controller.coi('apply');
    expect((await controller.sandbox('once'))?.agent).toEqual({ state: 'ended', exit_code: 3 });
  });

  it('is started again, ever later, where it is to be', async () => {
    const path = await workspace('again');
    const command = ['sh', '-c', 'echo run >>/workspace/runs; exit 1'];
    await declareAgent('again', `workspace = "${path}"`, `tool.command = ${JSON.stringify(command)}`);
    const runs = async () => (await readFile(join(path, 'runs'), 'utf8')).split('\n').length - 1;
    await until('three runs', async () => (await runs()) >= 3, { timeoutMs: 60_000, everyMs: 200 });
    const waits = async () => {
      const { agent, next_look_at: next = '' } = (await controller.sandbox('again')) ?? {};
      return agent?.state === 'ended' && Date.parse(next) - Date.now() > 500;
    };
    expect(await until('it to wait for the next', waits, { timeoutMs: 60_000, everyMs: 50 })).toBe(true);
  });

  it('says why it could not be started', async () => {
    await declareAgent('typo', 'tool.command = ["no-such-program"]', 'restart = "never"');
    const ended = await controller.condition('typo', 'Healthy=False(AgentDown)', { timeoutMs: 60_000, everyMs: 200 });
    expect(ended.agent).toEqual({ state: 'ended', exit_code: 127 });
    expect(await screen('typo')).toMatch(/no-such-program: .*not found/);
  });

  it('says so where the image cannot hold one, and asks ever less', async () => {
    await controller.declare('bare', 'image = "busybox"', 'tool.command = ["true"]');
    const ended = await controller.condition('bare', 'Healthy=False(AgentDown)', { timeoutMs: 60_000, everyMs: 200 });
    // That image has no tmux.
    expect(ended.agent).toMatchObject({ state: 'ended', exit_code: 127 });
    expect(ended.conditions.find(({ type }) => type === 'Healthy')?.message).toMatch(
      /exit code 127; it is started again/,
    );
    const wait = async () => {
      const { next_look_at: next = '' } = (await controller.sandbox('bare')) ?? {};
      return Date.parse(next) - Date.now();
    };
    await until('a long wait', async () => (await wait()) > 3_000, { timeoutMs: 60_000, everyMs: 200 });
    expect((await controller.sandbox('bare'))?.agent.restarts).toBeGreaterThan(0);
  });
});

describe('an agent that works', () => {
  const running = () => agentsIn('worker');

  /** Waits for another agent than that one. */
  const other = (than: string) =>
    until(
      'another agent',
      async () => {
        const now = await running();
        return now !== '' && now !== than && now;
      },
      { timeoutMs: 30_000, everyMs: 100 },
    );

  beforeAll(async () => {
    await declareAgent('worker', 'tool.command = ["dummy", "--sleep", "601"]');
    await controller.ready('worker', 'running');
    await other('');
  });

  it('has no terminal of the controller, and its window lives on without one', async () => {
    const tty = await inside('worker', 'ps', '-o', 'tty=', '-p', await running());
    expect(tty.trim()).toMatch(/^pts\//);
    expect(await inside('worker', 'su', '--login', 'code', '--command', 'tmux list-clients')).toBe('');
  });

  it.each([
    ['the controller', () => controller.restart()],
    ['the controller, killed', () => controller.restart('SIGKILL')],
    ['incusd', () => lab.restartIncusd()],
    ['incusd, killed', () => lab.restartIncusd({ signal: 'SIGKILL' })],
  ])('is found again after a restart of %s', async (_, restart) => {
    const before = await running();
    await restart();
    await controller.when('worker', ({ ready, agent }) => ready && agent.state === 'running');
    await sleep(1_500);
    expect(await running()).toBe(before);
    expect(await controller.sandbox('worker')).toMatchObject({ ready: true, agent: { state: 'running' } });
  });

  it('keeps no incusd from ending', async () => {
    const before = await running();
    const startedAt = performance.now();
    await lab.stopIncusd();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await lab.startIncusd();
    await controller.when('worker', ({ ready, agent }) => ready && agent.state === 'running');
    expect(await running()).toBe(before);
  });

  it('is waited for by one process, and by another one when that is killed inside', async () => {
    const waiting = async () => (await inside('worker', 'pgrep', '-u', 'code', '-f', '^sh .* coi-agent ')).trim();
    const [agent, before] = [await running(), await waiting()];
    expect(before).toMatch(/^\d+$/);
    await inside('worker', 'kill', before);
    await until('another one', async () => !['', before].includes(await waiting().catch(() => '')), { everyMs: 100 });
    await controller.when('worker', ({ ready, agent: { state } }) => ready && state === 'running');
    expect(await waiting()).toMatch(/^\d+$/);
    expect(await running()).toBe(agent);
  });

  it('is noticed when it ends after all of that, and started again', async () => {
    const before = await running();
    await inside('worker', 'kill', before);
    expect(await other(before)).toMatch(/^\d+$/);
    await controller.when('worker', ({ ready, agent }) => ready && agent.state === 'running');
  });

  it('is noticed when its session is taken away, though others go on', async () => {
    const before = await running();
    const as = (line: string) => inside('worker', 'su', '--login', 'code', '--command', line);
    await as('tmux new-session -d -s other');
    await as('tmux kill-session -t =coi-coi-worker');
    await other(before);
    expect(await as('tmux list-sessions -F "#{session_name}"')).toContain('other');
  });

  it('has its exit code still after all of that when it ended before', async () => {
    await controller.when('once', ({ agent }) => agent.state === 'ended');
    expect((await controller.sandbox('once'))?.agent).toEqual({ state: 'ended', exit_code: 3 });
    expect((await screen('once')).match(/started as code/g)).toHaveLength(1);
  });

  it('is started again with its sandbox', async () => {
    const before = await running();
    await lab.incus('stop', 'coi-worker', '--force');
    await controller.ready('worker', 'running');
    expect((await other(before)).split('\n')).toHaveLength(1);
  });
});
