import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { renderHealth } from '../../src/cli/render-health.ts';
import { failed, groups, ok, warning, type Finding, type HealthCheck } from '../../src/health/check.ts';
import { checks, checksFor } from '../../src/health/checks.ts';
import { runChecks } from '../../src/health/run-checks.ts';
import type { Sight } from '../../src/health/sight.ts';

const nowhere = {} as Sight;
const now = Date.parse('2026-03-04T09:00:00Z');
const check = (name: string, look: () => Promise<Finding>): HealthCheck => ({ name, group: 'CRITICAL', look });
const fine = check('fine', async () => ok('is fine'));
const odd = check('odd', async () => warning('is odd', ['put it right']));
const bad = check('bad', async () => failed('is bad', ['repair it']));
const hidden = check('hidden', () =>
  Promise.reject(new Problem({ code: 'health.not-root', message: 'only root sees it' })),
);
const broken = check('broken', () =>
  Promise.reject(new Problem({ code: 'x.y', message: 'cannot look', hint: 'Do this.' })),
);

describe('all checks together', () => {
  it.each([
    { what: [fine], status: 'healthy' },
    { what: [fine, hidden], status: 'healthy' },
    { what: [fine, odd], status: 'degraded' },
    { what: [odd, bad], status: 'unhealthy' },
    { what: [fine, broken], status: 'unhealthy' },
  ])('are $status', async ({ what, status }) => {
    expect((await runChecks(what, nowhere, now)).status).toBe(status);
  });

  it('give a report by name', async () => {
    const report = await runChecks([fine, odd, bad, hidden, broken], nowhere, now);
    expect(report).toEqual({
      status: 'unhealthy',
      timestamp: '2026-03-04T09:00:00.000Z',
      checks: {
        fine: { name: 'fine', status: 'ok', message: 'is fine' },
        odd: { name: 'odd', status: 'warning', message: 'is odd', fix: ['put it right'] },
        bad: { name: 'bad', status: 'failed', message: 'is bad', fix: ['repair it'] },
        hidden: { name: 'hidden', status: 'unknown', message: 'only root sees it' },
        broken: { name: 'broken', status: 'failed', message: 'cannot look', fix: ['# Do this.'] },
      },
      summary: { total: 5, passed: 1, warnings: 1, failed: 2, unknown: 1 },
    });
  });

  it('let defects through', async () => {
    const defect = check('defect', () => Promise.reject(new TypeError('oops')));
    await expect(runChecks([fine, defect], nowhere, now)).rejects.toThrow('oops');
  });
});

describe('the report as text', () => {
  it('shows each problem with what puts it right, and details when asked', async () => {
    const report = await runChecks(
      [check('incus', async () => failed('is bad', ['repair it', '# or ask somebody'], { socket: '/x' }))],
      nowhere,
      now,
    );
    const view = { paint: (_: string, text: string) => text, isVerbose: false } as const;
    expect(renderHealth(report, view)).toContain(
      'CRITICAL\n  failed   incus: is bad\n           fix: repair it\n             # or ask somebody\n\nSTATUS',
    );
    expect(renderHealth(report, view)).not.toContain('/x');
    expect(renderHealth(report, { ...view, isVerbose: true })).toContain('           socket: /x\n');
    expect(renderHealth(report, view)).toMatch(/\nSTATUS: unhealthy \(0 of 1 passed, 0 warnings, 1 failed\)\n$/);
  });
});

describe('the checks', () => {
  it('have names of their own and groups that are shown', () => {
    expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
    expect(checks.filter(({ group }) => !groups.includes(group))).toEqual([]);
  });

  it('have the names that scripts look for', () => {
    expect(checksFor({ isVerbose: false, isQuick: false }).map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'os',
        'incus',
        'permissions',
        'image',
        'image_age',
        'network_bridge',
        'ip_forwarding',
        'firewall',
        'coi_directory',
        'sessions_directory',
        'disk_space',
        'incus_storage_pool',
        'config',
        'network_mode',
        'tool',
        'active_containers',
        'saved_sessions',
        'orphaned_resources',
        'audit_log_directory',
        'cgroup_availability',
        'monitoring_configuration',
        'nftables',
        'systemd_journal',
        'libsystemd',
      ]),
    );
  });

  it('are more for whoever asks for more', () => {
    expect(checksFor({ isVerbose: true, isQuick: false })).toEqual(checks);
    const usual = new Set(checksFor({ isVerbose: false, isQuick: false }));
    expect(checks.filter((each) => !usual.has(each)).map(({ name }) => name)).toEqual([
      'dns_resolution',
      'passwordless_sudo',
    ]);
  });

  it('are fewer, and start no sandbox, for whoever is in a hurry', () => {
    const usual = checksFor({ isVerbose: false, isQuick: false });
    const quick = new Set(checksFor({ isVerbose: false, isQuick: true }));
    expect(usual.filter((each) => !quick.has(each)).map(({ name }) => name)).toEqual([
      'container_connectivity',
      'network_restriction',
      'spoofing',
    ]);
  });
});
