import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { showHealth } from '../../src/cli/render-health.ts';
import { groups } from '../../src/health/check.ts';
import { checks, checksFor } from '../../src/health/checks.ts';
import type { HealthReport } from '../../src/health/run-checks.ts';
import { mainProgram } from '../program.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coi-health-'));
  chmodSync(directory, 0o755);
});
afterEach(() => rmSync(directory, { recursive: true }));

/** `coi health` of a user without rights, where there is neither Incus nor a controller nor a network. */
function health(...argv: string[]) {
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const env = {
    PATH: process.env['PATH'],
    HOME: directory,
    COI_ETC: directory,
    COI_RUN_DIR: directory,
    INCUS_SOCKET: join(directory, 'incus'),
    NODE_DISABLE_COMPILE_CACHE: '1',
  };
  const command = ['--net', ...user, process.execPath, mainProgram, 'health', ...argv];
  const { status, stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8', env });
  return { code: status, stdout, stderr };
}

const usual = checksFor({ isVerbose: false, isQuick: false }).map(({ name }) => name);
const extra = checks.map(({ name }) => name).filter((name) => !usual.includes(name));

describe('coi health', () => {
  it('prints what it found by groups in their order, and how it is in all', () => {
    const { code, stdout, stderr } = health();
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    const headings = stdout.split('\n').filter((line) => /^[A-Z]+$/.test(line));
    expect(headings).toEqual(groups.filter((group) => group !== 'OPTIONAL'));
    expect(stdout).toMatch(/\n {2}failed {3}incus: .*no socket at .*\n {11}fix: systemctl start incus\n/);
    expect(stdout).toMatch(/\n\nSTATUS: unhealthy \(\d+ of \d+ passed, \d+ warnings?, \d+ failed, \d+ unknown\)\n$/);
  });

  it('has the same as JSON', () => {
    const { code, stdout } = health('--format', 'json');
    expect(code).toBe(2);
    const report = JSON.parse(stdout) as HealthReport;
    expect(Object.keys(report).toSorted()).toEqual(['checks', 'status', 'summary', 'timestamp']);
    expect(report).toMatchObject({ status: 'unhealthy', timestamp: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(Object.keys(report.checks)).toEqual(usual);
    const { total, passed, warnings, failed, unknown } = report.summary;
    expect([total, passed + warnings + failed + unknown]).toEqual([usual.length, usual.length]);
    for (const [name, check] of Object.entries(report.checks)) {
      expect(check).toMatchObject({ name, status: expect.stringMatching(/^(?:ok|warning|failed|unknown)$/) });
      expect(check.message).not.toBe('');
    }
  });

  it('makes more checks with --verbose, and shows more', () => {
    expect(extra).toContain('dns_resolution');
    const { stdout } = health('-v');
    for (const name of [...usual, ...extra]) expect(stdout).toMatch(new RegExp(`^ {2}\\w+ +${name}: `, 'm'));
    expect(stdout).toContain('\nOPTIONAL\n  warning  dns_resolution: ');
    expect(stdout).toContain('\n           mode: restricted\n');
  });

  it('makes all checks where the settings cannot be used, too', () => {
    writeFileSync(join(directory, 'config.toml'), '[defaults]\nimage = 7\n');
    const { code, stdout } = health('--format', 'json');
    const { checks: found } = JSON.parse(stdout) as HealthReport;
    expect([code, Object.keys(found)]).toEqual([2, usual]);
    expect(found['config']).toMatchObject({
      status: 'failed',
      message: expect.stringContaining(`${directory}/config.toml:2:9`),
    });
  });
});

describe('the exit code', () => {
  const summary = { total: 0, passed: 0, warnings: 0, failed: 0, unknown: 0 };

  it.each([
    { status: 'healthy' as const, code: 0 },
    { status: 'degraded' as const, code: 1 },
    { status: 'unhealthy' as const, code: 2 },
  ])('is $code for $status, as text and as JSON', ({ status, code }) => {
    let said = '';
    const io = { stdout: { write: (text: string) => (said += text), isTTY: false }, env: {} } as unknown as Io;
    const report = { status, timestamp: '', checks: {}, summary };
    expect(showHealth(io, report, { isJson: false, isVerbose: false })).toBe(code);
    expect(said).toContain(`STATUS: ${status} `);
    expect(showHealth(io, report, { isJson: true, isVerbose: false })).toBe(code);
  });
});
