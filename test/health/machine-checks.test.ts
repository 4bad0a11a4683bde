import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import type { SensorReport } from '../../src/controller/monitor-api.ts';
import type { HealthCheck } from '../../src/health/check.ts';
import { cgroupsCheck } from '../../src/health/checks/cgroups.ts';
import { connectionLogCheck } from '../../src/health/checks/connection-log.ts';
import { confinementCheck } from '../../src/health/checks/confinement.ts';
import { dnsResolutionCheck } from '../../src/health/checks/dns-resolution.ts';
import { judgeForwarding } from '../../src/health/checks/forwarding.ts';
import { kernelCheck } from '../../src/health/checks/kernel.ts';
import { monitoringConfigurationCheck } from '../../src/health/checks/monitoring-configuration.ts';
import { judgeNft, nftablesCheck } from '../../src/health/checks/nftables.ts';
import { osCheck } from '../../src/health/checks/os.ts';
import { permissionsCheck } from '../../src/health/checks/permissions.ts';
import { processMonitoringCheck } from '../../src/health/checks/process-monitoring.ts';
import { timeZoneCheck } from '../../src/health/checks/time-zone.ts';
import { runChecks } from '../../src/health/run-checks.ts';
import { agentHosts, usualDomains } from '../../src/spec/agent-hosts.ts';
import { toolNames } from '../../src/spec/defaults.ts';
import { host } from '../cli/reports.ts';
import { machineWith, sightOf } from './sight.ts';

/** What a check says about such a machine, as the report has it. */
async function find(
  check: HealthCheck,
  part: Parameters<typeof machineWith>[0],
  more: Parameters<typeof sightOf>[0] = {},
) {
  const report = await runChecks([check], sightOf({ machine: machineWith(part), ...more }), 0);
  return report.checks[check.name]!;
}

describe('ip_forwarding', () => {
  const forwarding = { path: '/proc/sys/net/ipv4/ip_forward', wanted: '1' };
  const forwarding6 = { path: '/proc/sys/net/ipv6/conf/all/forwarding', wanted: '1' };
  const filter = { path: '/proc/sys/net/ipv4/conf/coibr0/rp_filter', wanted: '1', value: '0' };
  const mask = { path: '/sys/class/net/coibr0/bridge/group_fwd_mask', wanted: '0xfff8', value: '0x0' };

  it.each([
    { settings: [{ ...forwarding, value: '1' }], status: 'ok' },
    { settings: [{ ...forwarding, value: '0' }], status: 'warning' },
    { settings: [{ ...forwarding, value: undefined }], status: 'warning' },
    { settings: [{ ...forwarding6, value: '0' }], status: 'warning' },
    { settings: [{ ...forwarding, value: '1' }, filter], status: 'failed' },
    { settings: [{ ...forwarding, value: '0' }, mask], status: 'failed' },
  ])('is $status where $settings', ({ settings, status }) => {
    expect(judgeForwarding(settings).status).toBe(status);
  });

  it('names a command for each setting', () => {
    expect(judgeForwarding([{ ...forwarding, value: '0' }, mask]).fix).toEqual([
      'sysctl -w net/ipv4/ip_forward=1',
      'echo 0xfff8 >/sys/class/net/coibr0/bridge/group_fwd_mask',
    ]);
  });
});

describe('os', () => {
  const files = { '/etc/os-release': 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n' };

  it.each([
    { what: 'a distribution', part: { files }, message: 'Debian GNU/Linux 12 (bookworm) on x86_64' },
    { what: 'no distribution', part: {}, message: 'Linux on x86_64' },
    {
      what: 'a guest of Lima',
      part: { files, isLima: async () => true },
      message: 'Debian GNU/Linux 12 (bookworm) on x86_64 [lima]',
    },
    {
      what: 'a guest of Colima',
      part: { files, isLima: async () => true, hostname: 'colima' },
      message: 'Debian GNU/Linux 12 (bookworm) on x86_64 [colima]',
    },
  ])('names $what', async ({ part, message }) => {
    expect(await find(osCheck, part)).toMatchObject({ status: 'ok', message });
  });
});

describe('kernel', () => {
  it.each([
    { kernel: '5.15.0-1', status: 'ok' },
    { kernel: '5.14.21', status: 'warning' },
    { kernel: 'odd', status: 'ok' },
  ])('$kernel is $status', async ({ kernel, status }) => {
    expect((await find(kernelCheck, { kernel })).status).toBe(status);
  });
});

describe('confinement', () => {
  const seccomp = { '/proc/sys/kernel/seccomp/actions_avail': 'kill_process errno allow\n' };
  const appArmor = { '/sys/module/apparmor/parameters/enabled': 'Y\n' };

  it.each([
    { what: 'both layers', files: { ...seccomp, ...appArmor }, status: 'ok', text: 'AppArmor is on' },
    { what: 'SELinux', files: { ...seccomp, '/sys/fs/selinux/enforce': '1' }, status: 'ok', text: 'SELinux is on' },
    { what: 'filters alone', files: seccomp, status: 'ok', text: 'there is no AppArmor' },
    { what: 'no filters', files: appArmor, status: 'warning', text: 'seccomp' },
  ])('with $what is $status', async ({ files, status, text }) => {
    expect(await find(confinementCheck, { files })).toMatchObject({ status, message: expect.stringContaining(text) });
  });
});

describe('timezone', () => {
  it('is worth a warning where nobody knows it', async () => {
    expect(await find(timeZoneCheck, {})).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('Europe/Warsaw'),
    });
    expect((await find(timeZoneCheck, { timeZone: undefined })).status).toBe('warning');
  });
});

describe('permissions', () => {
  const groupId = async (name: string) => (name === 'incus-admin' ? 990 : undefined);

  it.each([
    { what: 'a member', part: { groupId, groups: [1000, 990] }, status: 'ok' },
    { what: 'somebody else', part: { groupId }, status: 'failed' },
    { what: 'anybody without the group', part: {}, status: 'failed' },
    {
      what: 'a lookup that fails',
      part: { groupId: () => Promise.reject(new Problem({ code: 'host.program-hung', message: 'getent hangs' })) },
      status: 'warning',
    },
  ])('of $what are $status', async ({ part, status }) => {
    expect((await find(permissionsCheck, part)).status).toBe(status);
  });

  it('of root need no group', async () => {
    expect((await find(permissionsCheck, {}, { isRoot: true })).status).toBe('ok');
  });

  it('are those of the group that settings name', async () => {
    const settings = '[incus]\ngroup = "agents"\n';
    expect(await find(permissionsCheck, { groupId }, { settings })).toMatchObject({
      message: 'There is no group agents',
    });
  });
});

describe('cgroups', () => {
  const v2 = (controllers: string) => ({
    '/proc/self/mounts': 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n',
    '/sys/fs/cgroup/cgroup.controllers': controllers,
  });
  const mounts = ['cpu,cpuacct', 'cpuset', 'memory', 'blkio', 'pids'].map(
    (names) => `cgroup /sys/fs/cgroup/${names} cgroup rw,relatime,${names} 0 0\n`,
  );
  const unified = 'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n';
  const hybrid = (lines: readonly string[]) => ({
    '/proc/self/mounts': [...lines, unified].join(''),
    '/sys/fs/cgroup/unified/cgroup.controllers': 'hugetlb\n',
  });

  it.each([
    { what: 'v2', files: v2('cpuset cpu io memory hugetlb pids\n'), status: 'ok', text: 'cgroup v2 has' },
    { what: 'v1 and v2 side by side', files: hybrid(mounts), status: 'ok', text: 'v1 and v2 together' },
    { what: 'v2 without memory', files: v2('cpuset cpu io pids\n'), status: 'warning', text: 'controller memory:' },
    { what: 'a hybrid without pids', files: hybrid(mounts.slice(0, 4)), status: 'warning', text: 'controller pids:' },
    { what: 'v1 alone', files: { '/proc/self/mounts': mounts.join('') }, status: 'warning', text: 'only cgroup v1' },
    { what: 'none', files: { '/proc/self/mounts': 'proc /proc proc rw 0 0\n' }, status: 'failed', text: 'no cgroups' },
  ])('$what is $status', async ({ files, status, text }) => {
    expect(await find(cgroupsCheck, { files })).toMatchObject({ status, message: expect.stringContaining(text) });
  });
});

describe('nftables', () => {
  it.each([
    { text: 'nftables v1.1.3 (x)', obstacle: undefined, status: 'ok' },
    { text: 'nftables v1.0.6 (x)', obstacle: 'nft 1.0.6 is older than 1.1.0', status: 'ok' },
    { text: 'nftables v0.9.0 (x)', obstacle: undefined, status: 'ok' },
    { text: 'nftables v0.8.9 (x)', obstacle: undefined, status: 'failed' },
    { text: undefined, obstacle: undefined, status: 'failed' },
  ])('$text is $status', ({ text, obstacle, status }) => {
    expect(judgeNft(text, obstacle).status).toBe(status);
  });

  it('that others do not find may be where root does', async () => {
    const nftVersion = async () => undefined;
    expect((await find(nftablesCheck, { nftVersion })).status).toBe('unknown');
    expect((await find(nftablesCheck, { nftVersion }, { isRoot: true })).status).toBe('failed');
  });
});

describe('extras', () => {
  const down = () => Promise.reject(new Problem({ code: 'host.program-hung', message: 'getent hangs' }));

  it.each([
    { addresses: async () => ['192.0.2.7'], status: 'ok' },
    { addresses: async () => [], status: 'warning' },
    { addresses: down, status: 'warning' },
  ])('look up what the agent needs: $status', async ({ addresses, status }) => {
    expect((await find(dnsResolutionCheck, { addresses })).status).toBe(status);
  });

  it.each(toolNames)('look up what lists let through for the agent: %s', async (tool) => {
    const asked: string[] = [];
    const addresses = async (name: string) => (asked.push(name), ['192.0.2.7']);
    await find(dnsResolutionCheck, { addresses }, { settings: `tool.name = "${tool}"` });
    expect(asked).toEqual([agentHosts[tool][0]]);
    expect(usualDomains()).toEqual(expect.arrayContaining(asked));
  });

  it('look at processes', async () => {
    expect((await find(processMonitoringCheck, { files: processes })).status).toBe('ok');
    expect((await find(processMonitoringCheck, {})).status).toBe('unknown');
    expect((await find(processMonitoringCheck, {}, { isRoot: true })).status).toBe('failed');
  });
});

const processes = { '/proc/1/stat': '1 (systemd) S 0 1' };

/** A controller with such a sensor. */
function withSensor(sensor: Partial<SensorReport>) {
  const whole = { sensor: 'process', state: 'active', source: 'bpftrace', seen: 5, dropped: 0, ...sensor } as const;
  return { controller: async () => ({ ...host, sensors: [whole] }) };
}

describe('process_monitoring', () => {
  const lack = { what: 'this kernel has no tracepoints', hint: 'Mount it.' };

  it('says which sensor looks, as the controller has it', async () => {
    const look = (sensor: Partial<SensorReport>, part = {}) =>
      find(processMonitoringCheck, { files: processes, ...part }, withSensor(sensor));
    expect(await look({})).toMatchObject({ status: 'ok', message: expect.stringContaining('bpftrace sees every') });
    expect(await look({ state: 'fallback', source: 'proc', because: 'it crashed' })).toMatchObject({
      status: 'ok',
      message: expect.stringMatching(/in \/proc, which misses .*: it crashed/),
    });
    const missing = { hasBpftrace: async () => false };
    expect(await look({ state: 'fallback', source: 'proc', because: 'ENOENT' }, missing)).toMatchObject({
      fix: ['apt-get install bpftrace', 'systemctl restart coi'],
    });
    expect(await look({ state: 'failed', because: 'no room' })).toMatchObject({ status: 'failed' });
    expect(await look({ state: 'off' }, missing)).toMatchObject({ message: expect.stringContaining('not installed') });
  });

  it('without a controller says what the machine would do', async () => {
    const look = (part: object) => find(processMonitoringCheck, { files: processes, ...part });
    expect(await look({})).toEqual({
      name: 'process_monitoring',
      status: 'ok',
      message: 'bpftrace sees every program that a sandbox starts',
    });
    expect(await look({ lacksForTracing: async () => lack })).toMatchObject({
      status: 'ok',
      message: expect.stringContaining(lack.what),
      fix: ['# Mount it.'],
    });
  });
});

describe('systemd_journal', () => {
  it('says where connections are read', async () => {
    const message = async (part: object, sensor?: Partial<SensorReport>) =>
      (await find(connectionLogCheck, part, sensor && withSensor({ sensor: 'network', ...sensor }))).message;
    expect(await message({})).toBe('New connections are read from journald');
    expect(await message({ hasJournal: async () => false })).toContain('/dev/kmsg');
    expect(await message({}, { source: 'kmsg' })).toBe('New connections are read from kmsg');
    expect(await message({}, { state: 'off' })).toBe('New connections are read from journald');
    const broken = withSensor({ sensor: 'network', state: 'failed', because: 'it is gone' });
    expect(await find(connectionLogCheck, {}, broken)).toMatchObject({
      status: 'warning',
      message: 'New connections of sandboxes are not seen: it is gone',
    });
  });
});

describe('monitoring_configuration', () => {
  it.each([
    { settings: '', status: 'ok', says: 'what is bad is frozen or ended' },
    { settings: 'enabled = false', status: 'warning', says: 'monitoring.enabled is false' },
    { settings: 'poll_interval_sec = 60', status: 'ok', says: 'watched' },
    { settings: 'poll_interval_sec = 61', status: 'warning', says: 'poll_interval_sec is 61' },
    { settings: 'file_read_threshold_mb = 0', status: 'ok', says: 'watched' },
    { settings: 'file_read_threshold_mb = 0.5', status: 'warning', says: 'file_read_threshold_mb is 0.5' },
    { settings: 'file_read_threshold_mb = 10_001', status: 'warning', says: 'file_read_threshold_mb is 10001' },
    { settings: 'file_write_threshold_mb = 10_000', status: 'ok', says: 'watched' },
    { settings: 'auto_pause_on_high = false', status: 'ok', says: 'not all that is bad is stopped' },
    { settings: 'nft.enabled = false', status: 'ok', says: 'connections are not looked at' },
  ])('is $status with "$settings"', async ({ settings, status, says }) => {
    const { seen } = sightOf({ settings: `[monitoring]\n${settings}` });
    const found = await find(monitoringConfigurationCheck, {}, { seen });
    expect(found).toMatchObject({ status, message: expect.stringContaining(says) });
    expect((found.fix ?? []).length > 0).toBe(status === 'warning');
  });
});
