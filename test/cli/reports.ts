import type { HostReport, PlanReport, SourceReport, StatusReport } from '../../src/controller/control-api.ts';
import type { ImageReport } from '../../src/controller/image-record.ts';
import type { MonitorReport } from '../../src/controller/monitor-api.ts';
import type { DenialsReport, PolicyReport, PolicyTestReport } from '../../src/controller/network-reports.ts';
import type { SandboxReport } from '../../src/controller/report.ts';

/** When every report of the tests was asked for. */
export const now = Date.parse('2026-03-01T12:00:00Z');

/** RFC 3339 of so many seconds before {@link now}. */
export const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString().replace('.000Z', 'Z');

export const web: SandboxReport = {
  name: 'web',
  instance: 'coi-web',
  phase: 'Current',
  ready: true,
  state: 'running',
  desired_state: 'running',
  message: 'It is as declared',
  source: 'directory:/etc/coi/desired',
  file: '/etc/coi/desired/web.toml',
  line: 3,
  image: 'coi',
  workspace: '/home/ann/code/shop',
  persistent: false,
  network: 'restricted',
  ipv4: '10.77.0.12',
  ipv6: 'fd42::12',
  uid: '01K0000000000000000000000A',
  generation: 2,
  created_at: ago(3 * 3_600 + 120),
  agent: { state: 'running' },
  conditions: [
    { type: 'Ready', status: 'True', reason: 'InSync', message: 'It is as declared', since: ago(600) },
    { type: 'Healthy', status: 'True', reason: 'Running', message: 'It is running', since: ago(600) },
  ],
  steps: [],
  drift: [],
  overrides: [],
  looked_at: ago(5),
  next_look_at: ago(-25),
};

export const api: SandboxReport = {
  name: 'api',
  instance: 'coi-api',
  phase: 'Failed',
  ready: false,
  state: 'absent',
  desired_state: 'running',
  message: 'Image "coi-full" is not on this host',
  source: 'directory:/etc/coi/desired',
  file: '/etc/coi/desired/api.toml',
  line: 3,
  image: 'coi-full',
  persistent: true,
  network: 'restricted',
  agent: { state: 'none' },
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      reason: 'Blocked',
      message: 'Image "coi-full" is not on this host',
      since: ago(90),
    },
    { type: 'Healthy', status: 'Unknown', reason: 'Unknown', message: 'There is no instance', since: ago(90) },
    {
      type: 'Stalled',
      status: 'True',
      reason: 'ImageMissing',
      message: 'Image "coi-full" is not on this host. Build it, or name another',
      since: ago(90),
    },
  ],
  steps: [],
  drift: [],
  overrides: [],
  looked_at: ago(5),
};

export const db: SandboxReport = {
  ...web,
  name: 'db',
  instance: 'coi-db',
  phase: 'InProgress',
  ready: false,
  state: 'frozen',
  message: 'limits.memory was changed by hand',
  file: '/etc/coi/desired/db.toml',
  persistent: true,
  ipv4: '10.77.0.13',
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      reason: 'Failed',
      message: 'Incus did not answer within 10 s',
      since: ago(42),
    },
    {
      type: 'Drifted',
      status: 'True',
      reason: 'Enforced',
      message: 'Changed by hand: /config/limits.memory',
      since: ago(42),
    },
  ],
  steps: [{ kind: 'update', instance: 'coi-db', why: 'limits.memory was changed by hand', risk: 'safe' }],
  drift: ['/config/limits.memory'],
  overrides: [{ kind: 'freeze', reason: 'lunch', by: 'ann' }],
  failure: { code: 'incus.timeout', message: 'Incus did not answer within 10 s', hint: 'See: journalctl -u incus' },
};

export const source: SourceReport = {
  id: 'directory:/etc/coi/desired',
  kind: 'directory',
  path: '/etc/coi/desired',
  state: 'partial',
  revision: 'abc',
  sandboxes: 3,
  problems: [
    {
      code: 'spec.unknown-key',
      message: 'unknown key "imgae"',
      hint: 'Did you mean "image"?',
      file: '/etc/coi/desired/bad.toml',
      line: 4,
      column: 1,
    },
  ],
  read_at: ago(12),
  complete_at: ago(400),
};

export const host: HostReport = {
  controller: 'running',
  version: '0.1.0',
  network: 'ready',
  incus: 'up',
  metrics: 'http://127.0.0.1:9477/metrics',
  unmanaged: [{ name: 'coi-old', why: 'it carries no stamp' }],
  orphans: ['coi0123abc'],
  held: [],
  problems: [],
};

export const image: ImageReport = {
  name: 'tools',
  ready: false,
  reason: 'Building',
  message: 'Its schedule says so',
  since: '2026-03-01T11:58:00Z',
  fingerprint: 'ab'.repeat(32),
  built_at: '2026-02-22T12:00:00Z',
  source: 'src-1',
  file: '/etc/coi/desired/images.toml',
  line: 3,
};

export const status: StatusReport = { sandboxes: [web, db, api], sources: [source], images: [image], host };

export const plans: readonly PlanReport[] = [
  {
    name: 'web',
    steps: [
      { kind: 'update', instance: 'coi-web', why: 'the manifest changed', risk: 'safe' },
      { kind: 'power', to: 'stop', instance: 'coi-web', why: 'its agent changed', risk: 'disruptive' },
    ],
    patch: [
      { op: 'replace', path: '/config/limits.memory', value: '2GiB' },
      { op: 'add', path: '/devices/data~1cache', value: { path: '/cache' } },
      { op: 'remove', path: '/config/limits.cpu' },
    ],
    live: { config: { 'limits.memory': '1GiB', 'limits.cpu': '2' }, devices: {} },
    fingerprint: 'f-web-1',
  },
  { name: 'api', steps: [], patch: [], fingerprint: 'f-api-1' },
];

export const denials: DenialsReport = {
  name: 'web',
  mode: 'allowlist',
  connections: [
    {
      address: '203.0.113.7',
      proto: 'tcp',
      port: 22,
      name: 'git.example',
      count: 3,
      first: ago(600),
      last: ago(42),
      rule: 'not-listed',
      why: 'it is not on the allowlist',
      allow: {
        key: 'network.allowed_domains',
        line: 'network.allowed_domains = ["api.example", "git.example:22"]',
        entry: 'git.example:22',
      },
    },
    {
      address: '2001:db8::7',
      proto: 'udp',
      port: 5353,
      count: 1,
      first: ago(90),
      last: ago(90),
      rule: 'not-listed',
      why: 'it is not on the allowlist',
      allow: {
        key: 'network.allowed_domains',
        line: 'network.allowed_domains = ["[2001:db8::7]:5353/udp", "api.example"]',
        entry: '[2001:db8::7]:5353/udp',
      },
    },
    {
      address: '10.77.0.1',
      proto: 'icmp',
      count: 2,
      first: ago(7_000),
      last: ago(7_000),
      rule: 'host-service',
      why: 'it is a service of this host, or addressed to all on the link',
      nothing: 'services of this host are out of reach in every mode',
    },
  ],
  names: [
    {
      name: 'evil.example',
      type: 'AAAA',
      reason: 'unlisted',
      why: 'it is not on the allowlist',
      count: 12,
      first: ago(300),
      last: ago(5),
      allow: {
        key: 'network.allowed_domains',
        line: 'network.allowed_domains = ["api.example", "evil.example"]',
        entry: 'evil.example',
      },
    },
  ],
  packets: 6,
};

export const policy: PolicyReport = {
  name: 'web',
  uid: web.uid!,
  in_force: {
    mode: 'allowlist',
    local_network: false,
    metadata: false,
    names: 'allowlist',
    addresses: ['203.0.113.0/28'],
    led_to: [{ destination: '198.51.100.7', seconds: 58 }],
  },
  differs: [],
  settings: [
    { key: 'mode', value: 'allowlist', from: 'manifest', file: '/etc/coi/desired/web.toml', line: 5, used: true },
    { key: 'block_private_networks', value: true, from: 'built-in', used: false },
    {
      key: 'allowed_domains',
      value: ['api.example', '203.0.113.0/28'],
      from: 'profile',
      file: '/etc/coi/config.toml',
      line: 12,
      used: true,
    },
    {
      key: 'refresh_interval_minutes',
      value: 5,
      from: 'settings',
      file: '/etc/coi/config.toml',
      line: 2,
      used: true,
    },
  ],
  file: '/etc/coi/desired/web.toml',
  line: 3,
};

export const refusal: PolicyTestReport = {
  name: 'web',
  destination: 'git.example:22',
  allowed: false,
  rule: 'not-listed',
  why: 'it is not on the allowlist',
  allow: denials.connections[0]!.allow!,
};

export const monitorReport: MonitorReport = {
  timestamp: ago(0),
  container_name: 'coi-web',
  container_ip: '10.77.0.12',
  sandbox: 'web',
  state: 'running',
  monitoring: true,
  network: {
    active_connections: 2,
    connections: [
      {
        protocol: 'tcp',
        local_addr: '10.77.0.12:41000',
        remote_addr: '140.82.121.4:443',
        remote_name: 'github.com',
        state: 'ESTABLISHED',
        suspicious: false,
      },
      {
        protocol: 'tcp',
        local_addr: '10.77.0.12:41001',
        remote_addr: '203.0.113.9:4444',
        state: 'ESTABLISHED',
        uid: 1_001_000,
        suspicious: true,
        suspect_reason: 'port 4444 is one of command and control',
      },
      { protocol: 'tcp', local_addr: '0.0.0.0:8080', remote_addr: '0.0.0.0:0', state: 'LISTEN', suspicious: false },
    ],
    suspicious_count: 1,
  },
  processes: {
    available: true,
    total_count: 4,
    processes: [
      { pid: 4000, ppid: 1, user: '0', command: '/sbin/init', env_access: false, cpu_time_seconds: 1 },
      { pid: 4100, ppid: 4000, user: '1000', command: 'tmux', env_access: false, cpu_time_seconds: 0 },
      { pid: 4200, ppid: 4100, user: '1000', command: 'node agent.js', env_access: false, cpu_time_seconds: 40 },
      { pid: 4150, ppid: 4000, user: '1000', command: 'printenv', env_access: true, cpu_time_seconds: 0 },
    ],
  },
  filesystem: {
    available: true,
    workspace_path: '/workspace',
    total_read_mb: 812,
    read_rate_mb_per_sec: 3.5,
    total_write_mb: 12_400,
    write_rate_mb_per_sec: 0,
    tmp_used_mb: 10,
    tmp_total_mb: 100,
    tmp_used_percent: 10,
  },
  resources: {
    cpu_time_seconds: 100,
    user_cpu_seconds: 80,
    sys_cpu_seconds: 20,
    memory_mb: 512,
    memory_limit_mb: 2048,
    io_read_mb: 812,
    io_write_mb: 12_400,
  },
  threats: [
    {
      id: '01K0000000000000000000000T',
      timestamp: ago(300),
      level: 'warning',
      category: 'environment',
      rule: 'env-scan',
      title: 'Environment is read',
      description: 'printenv was started',
      action: 'alerted',
    },
    {
      id: '01K0000000000000000000000U',
      timestamp: ago(20),
      level: 'critical',
      category: 'network',
      rule: 'c2-port',
      title: 'Command and control',
      description: 'a connection to 203.0.113.9:4444',
      action: 'killed',
    },
  ],
  sensors: [
    { sensor: 'process', state: 'active', source: 'bpftrace', seen: 10, dropped: 0 },
    { sensor: 'network', state: 'fallback', source: 'kmsg', because: 'no journal', seen: 3, dropped: 2 },
  ],
};
