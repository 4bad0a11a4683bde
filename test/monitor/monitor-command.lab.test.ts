import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MonitorReport } from '../../src/controller/monitor-api.ts';
import type { HealthReport } from '../../src/health/run-checks.ts';
import { until } from '../lab/until.ts';
import { openDesk, type Desk } from '../session/desk.ts';

const program = new URL('watching-controller.ts', import.meta.url).pathname;

let desk: Desk;

beforeAll(async () => {
  desk = await openDesk('monitor-command', ['busybox', 'system'], { program, monitoring: true });
});
afterAll(() => desk?.[Symbol.asyncDispose]());

const coi = (...args: string[]) => desk.controller.coi(...args);

async function reportOf(...args: string[]): Promise<MonitorReport> {
  const { stdout, exitCode, stderr } = await coi('monitor', ...args, '--json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as MonitorReport;
}

/** Starts something inside that goes on. */
async function start(instance: string, script: string): Promise<void> {
  await desk.lab.incus('exec', instance, '--', 'sh', '-c', `setsid sh -c '${script}' >/dev/null 2>&1 </dev/null &`);
}

/** Starts a program of a name that is detected. */
async function attack(instance: string, name: string): Promise<void> {
  const write = `printf "#!/bin/sh\\nsleep 1000\\n" > /tmp/${name}; chmod 755 /tmp/${name}`;
  await start(instance, `${write}; exec /tmp/${name}`);
}

async function declare(name: string, ...keys: string[]): Promise<void> {
  await desk.controller.declare(name, ...keys);
  await desk.controller.ready(name, 'running');
}

describe('coi monitor', () => {
  it('shows what a sandbox does: processes, connections, memory, processors', async () => {
    await declare('busy');
    await start('coi-busy', 'nc -l -p 8099 & while :; do :; done');
    const report = await until('the listener to be seen', async () => {
      const seen = await reportOf('busy');
      return seen.network.connections.some(({ local_addr: local }) => local.endsWith(':8099')) ? seen : undefined;
    });
    expect(report).toMatchObject({ sandbox: 'busy', container_name: 'coi-busy', state: 'running', monitoring: true });
    expect(report.processes.available, 'processes').toBe(true);
    expect(report.processes.processes.map(({ command }) => command).join('\n')).toContain('nc -l');
    expect(report.resources.memory_mb, 'memory').toBeGreaterThan(0);
    const later = await until('processor time to be used', async () => {
      const seen = await reportOf('coi-busy');
      return seen.resources.cpu_time_seconds > report.resources.cpu_time_seconds ? seen : undefined;
    });
    expect(later.sensors).toMatchObject([{ sensor: 'process', state: 'active', source: 'test' }]);
  });

  it('prints one picture below the other on a pipe, until it is interrupted', async () => {
    await declare('seen');
    const watching = desk.spawn('/', ['monitor', 'seen', '--watch=1']);
    await watching.printed(/PROCESSES[^]*\n\nseen {2}running/);
    process.kill(watching.pid, 'SIGINT');
    expect(await watching.ended).toMatchObject({ exitCode: 130 });
    expect(watching.output).not.toContain('\u001B');
  });

  it('is told why a sandbox is held, and what was detected', async () => {
    await declare('held');
    await attack('coi-held', 'attack-high');
    await desk.controller.when('held', ({ state }) => state === 'frozen');
    const report = await until('the quarantine to be told', async () => {
      const seen = await reportOf('held');
      return seen.quarantine === undefined ? undefined : seen;
    });
    expect(report).toMatchObject({
      state: 'frozen',
      threats: [{ level: 'high', rule: 'test.high', action: 'paused' }],
    });
    expect((await coi('monitor', 'held')).stdout).toMatch(/In quarantine: .*\nLift it with: coi resume held/);
  });

  it('finds the container of the workspace, which --monitor watches whatever the settings say', async () => {
    const here = await desk.workspace('project');
    await desk.settings('[monitoring]\nenabled = false\nauto_pause_on_high = false');
    const started = desk.start(here, ['--monitor', '--', 'sleep', '1000']);
    const report = await until(
      'the session to run',
      async () => {
        const { stdout, exitCode } = await desk.coi(here, ['monitor', '--json']);
        const seen = exitCode === 0 ? (JSON.parse(stdout) as MonitorReport) : undefined;
        return seen?.state === 'running' ? seen : undefined;
      },
      { timeoutMs: 60_000 },
    );
    expect(report).toMatchObject({ container_name: desk.instance(here), monitoring: true });
    const { sandboxes } = await desk.controller.status();
    const name = sandboxes.find(({ instance }) => instance === desk.instance(here))!.name;
    await attack(desk.instance(here), 'attack-high');
    await desk.controller.when(name, ({ state }) => state === 'frozen');
    await desk.coi(here, ['kill', desk.instance(here)]);
    await started.ended;
    await desk.settings('[monitoring]\nenabled = true');
  });
});

describe('coi monitor audit', () => {
  it('shows, filters and exports what was detected, also of a sandbox that is gone', async () => {
    await declare('logged');
    await attack('coi-logged', 'attack-warning');
    const text = await until('the detection to be logged', async () => {
      const { stdout } = await coi('monitor', 'audit', 'logged');
      return stdout.includes('test.warning') ? stdout : undefined;
    });
    expect(text).toMatch(
      /^TIME +LEVEL +RULE +ACTION +DESCRIPTION\n.*warning +test\.warning +alerted +attack-warning ran$/,
    );
    expect((await coi('monitor', 'audit', 'logged', '--level', 'critical,high')).stdout).toBe('');

    const file = join(desk.lab.dir, 'found.jsonl');
    expect(await coi('monitor', 'audit', 'logged', '--export', file)).toMatchObject({ exitCode: 0 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toContain('"level":"warning"');
    expect(await coi('monitor', 'audit', 'logged', '--export', file)).toMatchObject({ exitCode: 1 });

    await desk.controller.remove('logged.toml');
    await desk.controller.gone('logged');
    const { stdout, exitCode } = await coi('monitor', 'audit', 'logged', '--format', 'ocsf');
    expect(exitCode).toBe(0);
    const [finding] = stdout.trim().split('\n');
    expect(JSON.parse(finding!)).toMatchObject({ class_uid: 2004, severity: 'Medium' });
  });
});

describe('coi health', () => {
  it('says what looks at processes, as the controller has it', async () => {
    await declare('looked');
    const { stdout } = await coi('health', '--quick', '--format', 'json');
    const { checks } = JSON.parse(stdout) as HealthReport;
    expect(checks['process_monitoring']).toMatchObject({
      status: 'ok',
      message: 'test sees every program that a sandbox starts',
    });
    expect(checks['monitoring_configuration']).toMatchObject({ status: 'ok' });
  });
});
