import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { openScreen } from '../../src/cli/screen.ts';
import type { Io } from '../../src/cli/io.ts';
import type { DetectionRecord, MonitorReport } from '../../src/controller/monitor-api.ts';
import { coi, openPeer, type Peer } from './peer.ts';
import { ago, monitorReport, status, web } from './reports.ts';

const hostile = 'x\u001B[2J\r\u202Ey';
const steering = /[\p{Cc}\u202A-\u202E\u2066-\u2069]/u;

/** Two looks, 2 s apart. */
function looks(): () => Promise<MonitorReport> {
  let count = 0;
  return async () => {
    count += 1;
    const { resources, processes } = monitorReport;
    return {
      ...monitorReport,
      timestamp: ago(-2 * (count - 1)),
      resources: { ...resources, cpu_time_seconds: 100 + (count - 1) },
      processes: {
        ...processes,
        processes: processes.processes.map((each) => ({
          ...each,
          cpu_time_seconds: (each.cpu_time_seconds ?? 0) + (each.pid === 4200 ? count - 1 : 0),
        })),
      },
    };
  };
}

const detection = (changes: object): DetectionRecord => ({
  seq: 1,
  ts: '2026-03-01T11:00:00.000Z',
  id: 'a',
  timestamp: '2026-03-01T11:00:00.000Z',
  level: 'warning',
  category: 'environment',
  title: 'Environment is read',
  description: 'printenv was started',
  rule: 'env-scan',
  action: 'alerted',
  mitre: 'T1082',
  sandbox: 'web',
  uid: '01K0000000000000000000000A',
  container_name: 'coi-web',
  evidence: {},
  ...changes,
});

const detections = [
  detection({}),
  detection({ level: 'high', rule: 'mass-read', description: 'reads 5000 MB', action: 'deduplicated', count: 4 }),
  detection({ level: 'critical', rule: 'reverse-shell', description: hostile, action: 'failed', because: 'no Incus' }),
];

let peer: Peer;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coi-monitor-'));
  peer = await openPeer({
    monitor: looks(),
    async *detections({ name }) {
      if (name !== 'web') {
        throw new Problem({ code: 'monitor.no-detections', message: `Nothing was detected of a sandbox "${name}"` });
      }
      yield* detections;
    },
  });
});
afterAll(async () => {
  await peer[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const pipe = (...argv: string[]) => coi(argv, { env: peer.env, cwd: directory });

describe('coi monitor', () => {
  it('shows what a sandbox does, between two looks', async () => {
    await using fresh = await openPeer({ monitor: looks() });
    const { code, stdout, stderr } = await coi(['monitor', 'web'], { env: fresh.env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "web  running  10.77.0.12  process bpftrace  network fallback (kmsg) 2 lost

      cpu                                                    ▁▅  50 %
      memory                                                 ▃▃  512 MB of 2048 MB
      read                                                   ██  3.5 MB/s, 812 MB in all
      write                                                  ▁▁  0.0 MB/s, 12.4 GB in all
      new connections                                        ▁▁  0, 2 open
      /tmp                                                       10 % of 100 MB

      DETECTIONS
          20s ago  critical  c2-port  killed  a connection to 203.0.113.9:4444
           5m ago  warning   env-scan  alerted  printenv was started

      CONNECTIONS  1 suspicious
      tcp  ESTABLISHED  to 203.0.113.9:4444               port 4444 is one of command and control
      tcp  ESTABLISHED  to 140.82.121.4:443 (github.com)
      tcp  LISTEN       on 0.0.0.0:8080

      PROCESSES  4
          4000  0       0 %  /sbin/init
          4100  1000    0 %  ├─ tmux
          4200  1000   50 %  │  └─ node agent.js
          4150  1000    0 %  └─ printenv
      "
    `);
    expect(fresh.asked.filter(([method]) => method === 'monitor')).toEqual([
      ['monitor', { name: 'web' }],
      ['monitor', { name: 'web' }],
    ]);
  });

  it('has the whole report as JSON, by either flag', async () => {
    await using fixed = await openPeer();
    for (const flags of [['--json'], ['--format', 'json']]) {
      const { code, stdout } = await coi(['monitor', 'coi-web', ...flags], { env: fixed.env });
      expect({ code, report: JSON.parse(stdout) }).toEqual({ code: 0, report: monitorReport });
    }
  });

  it('goes on with --watch, one JSON object a line, until it is interrupted', async () => {
    const ending = new AbortController();
    let count = 0;
    await using counted = await openPeer({
      monitor: async () => {
        count += 1;
        if (count === 3) ending.abort();
        return monitorReport;
      },
    });
    const { stdout } = await coi(['monitor', '--watch', '1', 'web', '--json'], {
      env: counted.env,
      signal: ending.signal,
    });
    const lines = stdout.trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(2);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(lines.map(() => monitorReport));
  });

  it.each([['--watch'], ['--watch', '3'], ['--watch=3'], ['--watch=500ms']])('takes %s %s', async (...flags) => {
    const { stderr } = await coi(['monitor', ...flags, 'nobody'], { env: peer.env });
    expect(stderr).toContain('There is no sandbox "nobody"');
  });

  it.each([['--watch=0'], ['--watch=soon']])('refuses %s', async (flag) => {
    const { code, stderr } = await pipe('monitor', 'web', flag);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^coi: /);
  });

  it('finds the only container of the workspace', async () => {
    const own = { ...web, workspace: directory };
    await using here = await openPeer({ status: async () => ({ ...status, sandboxes: [own] }) });
    const setting = { env: here.env, cwd: directory };
    expect(await coi(['monitor', '--json'], setting)).toMatchObject({ code: 0 });
    expect(here.asked.at(-1)).toEqual(['monitor', { name: 'web' }]);
    const elsewhere = await coi(['monitor'], { env: here.env, cwd: '/' });
    expect(elsewhere).toMatchObject({ code: 1, stdout: '' });
    expect(elsewhere.stderr).toContain('The workspace / has no container');
    const both = { ...status, sandboxes: [own, { ...own, name: 'other', instance: 'coi-other' }] };
    await using two = await openPeer({ status: async () => both });
    const { stderr } = await coi(['monitor', '-w', directory], { env: two.env });
    expect(stderr).toMatch(/has 2 containers: coi-web, coi-other\n.*coi monitor NAME/s);
  });

  it('says how to start a controller where none runs', async () => {
    const { code, stderr } = await coi(['monitor', 'web'], { env: { ...peer.env, COI_RUN_DIR: directory } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/No controller answers at .*\n.*sudo systemctl start coi/);
  });

  it('prints nothing of a sandbox that could steer a terminal, on a terminal and off it', async () => {
    const [first] = monitorReport.processes.processes;
    const evil: MonitorReport = {
      ...monitorReport,
      quarantine: hostile,
      errors: [hostile],
      processes: { ...monitorReport.processes, processes: [{ ...first!, command: hostile, user: hostile }] },
      network: {
        ...monitorReport.network,
        connections: monitorReport.network.connections.map((each) => ({ ...each, remote_name: hostile })),
      },
      threats: monitorReport.threats.map((each) => ({ ...each, description: hostile, rule: hostile, level: hostile })),
    };
    await using bad = await openPeer({ monitor: async () => evil });
    for (const setting of [{ env: bad.env }, { env: { ...bad.env, TERM: 'xterm' }, terminal: 200 }]) {
      const { stdout } = await coi(['monitor', 'web'], setting);
      const lines = stripVTControlCharacters(stdout).split('\n');
      expect(lines.filter((line) => steering.test(line))).toEqual([]);
      expect(stdout).toContain(String.raw`x\x1b[2J\x0d\u202ey`);
    }
    const { stdout } = await coi(['monitor', 'web', '--json'], { env: bad.env });
    expect(stdout.split('\n').filter((line) => steering.test(line))).toEqual([]);
    expect(JSON.parse(stdout)).toEqual(evil);
  });

  it('has colours and a screen of its own on a terminal alone, and gives it back when it is interrupted', async () => {
    const ending = new AbortController();
    let count = 0;
    await using counted = await openPeer({
      monitor: async () => {
        count += 1;
        if (count === 3) ending.abort();
        return monitorReport;
      },
    });
    const setting = { env: { ...counted.env, TERM: 'xterm' }, signal: ending.signal };
    const { stdout } = await coi(['monitor', 'web', '--watch=1'], { ...setting, terminal: 60 });
    expect(stdout.startsWith('\u001B[?1049h\u001B[?25l')).toBe(true);
    expect(stdout.endsWith('\u001B[?25h\u001B[?1049l')).toBe(true);
    const [, picture] = stdout.split('\u001B[?2026h\u001B[H');
    const shown = stripVTControlCharacters(picture!).split('\r\n');
    expect(shown.length).toBeLessThanOrEqual(24);
    expect(shown.filter((line) => line.length > 60)).toEqual([]);
    expect(picture).toContain('\u001B[31m');
  });

  it('follows on a pipe with one picture below the other, without a single escape', async () => {
    const ending = new AbortController();
    let count = 0;
    await using counted = await openPeer({
      monitor: async () => {
        count += 1;
        if (count === 4) ending.abort();
        return monitorReport;
      },
    });
    const { stdout } = await coi(['monitor', 'web', '--watch=1'], { env: counted.env, signal: ending.signal });
    expect(stdout).not.toContain('\u001B');
    expect(stdout.split('\n\nweb  running').length).toBeGreaterThanOrEqual(2);
  });
});

describe('coi monitor audit', () => {
  it('shows a table, oldest first', async () => {
    const { code, stdout, stderr } = await pipe('monitor', 'audit', 'web');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "TIME                      LEVEL     RULE           ACTION        DESCRIPTION
      2026-03-01T11:00:00.000Z  warning   env-scan       alerted       printenv was started
      2026-03-01T11:00:00.000Z  high      mass-read      deduplicated  reads 5000 MB (4 times)
      2026-03-01T11:00:00.000Z  critical  reverse-shell  failed        x\\x1b[2J\\x0d\\u202ey: no Incus
      "
    `);
  });

  it('shows some levels alone, of a time', async () => {
    const { stdout } = await pipe(
      'monitor',
      'audit',
      'web',
      '--level=critical,warning',
      '--since',
      '1h',
      '--format=jsonl',
    );
    const levels = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as DetectionRecord)['level']);
    expect(levels).toEqual(['warning', 'critical']);
    expect(peer.asked.at(-1)).toEqual(['detections', { name: 'web', level: 'warning', since: Date.parse(ago(3_600)) }]);
    const { code, stderr } = await pipe('monitor', 'audit', 'web', '--level', 'worst');
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"worst" is no level') as string,
    });
  });

  it('says so when nothing was detected, and when there is no such sandbox', async () => {
    const none = await pipe('monitor', 'audit', 'db');
    expect(none).toEqual({ code: 0, stdout: '', stderr: 'coi: Nothing like that was detected of "db"\n' });
    expect(await pipe('monitor', 'audit', 'nobody')).toMatchObject({ code: 1, stdout: '' });
  });

  it('prints OCSF, one object a line', async () => {
    const { code, stdout } = await pipe('monitor', 'audit', 'web', '--format', 'ocsf');
    const findings = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly class_uid: number });
    expect({ code, classes: findings.map((each) => each.class_uid) }).toEqual({ code: 0, classes: [2004, 2004, 2004] });
  });

  it('follows, a line each', async () => {
    const { stdout } = await pipe('monitor', 'audit', 'web', '--follow');
    expect(stdout.split('\n')).toHaveLength(4);
    expect(steering.test(stdout.replaceAll('\n', ''))).toBe(false);
  });

  it('exports to a new file for the caller alone, and writes over nothing', async () => {
    const file = join(directory, 'out.jsonl');
    const { code, stdout } = await pipe('monitor', 'audit', 'web', '--export', 'out.jsonl');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Wrote 3 detections to out.jsonl\n' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(detections);
    expect(lines[2]).toContain('"level":"critical"');

    const again = await pipe('monitor', 'audit', 'web', '--export', 'out.jsonl');
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toContain('is not written over');
    const target = join(directory, 'target');
    await writeFile(target, 'mine');
    await symlink(target, join(directory, 'link'));
    expect(await pipe('monitor', 'audit', 'web', '--export', 'link')).toMatchObject({ code: 1 });
    expect(await readFile(target, 'utf8')).toBe('mine');
    expect(await pipe('monitor', 'audit', 'web', '--export', 'no/where')).toMatchObject({ code: 1 });
    expect(await pipe('monitor', 'audit', 'web', '--export', 'x', '--follow')).toMatchObject({ code: 1 });
  });
});

describe('a screen', () => {
  it('says how much fits now, also when the window changed', () => {
    let written = '';
    const terminal = { columns: 80, rows: 10, setRaw: () => undefined, onResize: () => ({ [Symbol.dispose]() {} }) };
    const stdout = { write: (text: string) => (written += text), pass: async () => {}, isTTY: true, columns: 80 };
    const io = { stdout, terminal, env: { TERM: 'xterm' } } as unknown as Io;
    using screen = openScreen(io);
    screen.draw(['a', 'b', 'c']);
    terminal.rows = 2;
    stdout.columns = 40;
    expect([screen.rows, screen.columns]).toEqual([2, 40]);
    written = '';
    screen.draw(['a', 'b', 'c']);
    expect(written).toContain('b');
    expect(written).not.toContain('c\u001B[K');
  });
});
