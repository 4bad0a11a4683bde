import { describe, expect, it } from 'vitest';
import { environmentLayer } from '../../src/spec/environment.ts';
import { commandLineLayers, mergeSettings } from '../../src/spec/layers.ts';
import { resolveSandbox } from '../../src/spec/resolve-sandbox.ts';
import { parseSettings } from '../../src/spec/settings.ts';

/** Every key of the original's settings. */
const originalSettings = `
[defaults]
image = "coi"
persistent = false
model = "claude-sonnet-4-5"
mount_claude_config = true
[paths]
sessions_dir = "~/.coi/sessions"
storage_dir = "~/.coi/storage"
logs_dir = "~/.coi/logs"
preserve_workspace_path = false
[incus]
project = "default"
group = "incus-admin"
code_uid = 1000
claude_uid = 1000
code_user = "code"
disable_shift = false
[tool]
name = "claude"
binary = ""
permission_mode = "bypass"
[tool.claude]
effort_level = "medium"
[[mounts.default]]
host = "~/.cache"
container = "/cache"
[network]
mode = "restricted"
block_private_networks = true
block_metadata_endpoint = true
allowed_domains = ["8.8.8.8", "api.anthropic.com"]
refresh_interval_minutes = 30
allow_local_network_access = false
[network.logging]
enabled = true
path = "~/.coi/logs/network.log"
[limits.cpu]
count = ""
allowance = ""
priority = 0
[limits.memory]
limit = ""
enforce = "soft"
swap = "true"
[limits.disk]
read = ""
write = ""
max = ""
priority = 0
tmpfs_size = ""
[limits.runtime]
max_duration = ""
max_processes = 0
auto_stop = true
stop_graceful = true
[git]
writable_hooks = false
[security]
protected_paths = [".git/hooks", ".git/config", ".husky", ".vscode"]
additional_protected_paths = []
disable_protection = false
[profiles.rust]
image = "coi-rust"
persistent = true
environment = { RUST_BACKTRACE = "1" }
[profiles.rust.limits.cpu]
count = "4"
[profiles.rust.network]
mode = "allowlist"
allowed_domains = ["crates.io"]
[monitoring]
enabled = true
auto_pause_on_high = true
auto_kill_on_critical = true
poll_interval_sec = 2
file_read_threshold_mb = 50.0
file_read_rate_mb_per_sec = 10.0
file_write_threshold_mb = 50.0
file_write_rate_mb_per_sec = 10.0
audit_log_retention_days = 30
[monitoring.nft]
enabled = true
rate_limit_per_second = 100
dns_query_threshold = 100
log_dns_queries = true
lima_host = ""
`;

describe('parseSettings()', () => {
  it('fills in everything when there is no file', () => {
    const { settings, warnings, problems } = parseSettings([]);
    expect([warnings, problems]).toEqual([[], []]);
    expect(settings).toMatchObject({
      incus: { project: 'default', group: 'incus-admin' },
      controller: { metricsListen: { host: '127.0.0.1', port: 9477 }, bridge: 'coibr0', stateDir: '/var/lib/coi' },
    });
  });

  it('lays the later file over the earlier one', () => {
    const { settings } = parseSettings([
      { file: 'low', text: 'defaults.image = "a"\nincus.project = "x"\ncontroller.sources = ["/a", "/b"]' },
      { file: 'high', text: 'defaults.image = "b"\ncontroller = { sources = ["/c"], metrics_listen = "[::1]:1" }' },
    ]);
    expect(settings.layer.defaults).toEqual({ image: 'b' });
    expect(settings.incus.project).toBe('x');
    expect(settings.controller).toMatchObject({ sources: ['/c'], metricsListen: { host: '::1', port: 1 } });
  });

  it('takes all that the original takes', () => {
    const { settings, warnings, problems } = parseSettings([{ file: 'f', text: originalSettings }]);
    expect([...problems, ...warnings]).toEqual([]);
    expect(settings.layer.tool?.permission_mode).toBe('bypass');
    expect(settings.layer.monitoring?.nft?.dns_query_threshold).toBe(100);
  });

  it('warns of unknown keys and goes on without them', () => {
    const text = '[defaults]\nimge = "x"\nimage = "y"\n[nonsense]\na = 1';
    const { settings, warnings, problems } = parseSettings([{ file: 'f', text }]);
    expect(problems).toEqual([]);
    expect(warnings).toMatchObject(
      [{ message: 'nonsense is not a known key' }, { hint: 'Did you mean "image"?' }].toReversed(),
    );
    expect(settings.layer).toEqual({ defaults: { image: 'y' } });
  });

  it('leaves out unknown keys wherever they stand, and nothing beside them', () => {
    const text = [
      '[[mounts.default]]',
      'host = "/a"',
      'container = "/a"',
      'readnly = true',
      '[[mounts.default]]',
      'host = "/b"',
      'container = "/b"',
      'readonly = true',
    ].join('\n');
    const { settings, warnings, problems } = parseSettings([{ file: 'f', text }]);
    expect(problems).toEqual([]);
    expect(warnings).toMatchObject([
      { code: 'spec.unknown-key', hint: 'Did you mean "readonly"?', position: { file: 'f', line: 4 } },
    ]);
    const mounts = [
      { host: '/a', container: '/a' },
      { host: '/b', container: '/b', readonly: true },
    ];
    expect(settings.layer).toEqual({ mounts: { default: mounts } });
    const sandbox = resolveSandbox({
      layers: commandLineLayers({ settings: settings.layer }),
      home: '/',
      session: true,
    });
    expect(sandbox.mounts).toEqual({ '/a': { host: '/a' }, '/b': { host: '/b', readonly: true } });
  });

  it('takes nothing from a file that is wrong', () => {
    const { settings, problems } = parseSettings([
      { file: 'good', text: 'defaults.image = "a"' },
      { file: 'bad', text: 'defaults.image = "b"\ndefaults.persistent = 1' },
      { file: 'worse', text: '= 1' },
    ]);
    expect(settings.layer).toEqual({ defaults: { image: 'a' } });
    expect(problems).toMatchObject([
      { code: 'spec.value', position: { file: 'bad', line: 2, column: 23 } },
      { code: 'spec.syntax', position: { file: 'worse' } },
    ]);
  });
});

describe('mergeSettings()', () => {
  it('adds up the lists that add up and replaces the others', () => {
    const merged = mergeSettings([
      {
        mounts: { default: [{ host: '/a', container: '/a' }] },
        security: { protected_paths: ['a'], additional_protected_paths: ['x'] },
      },
      {
        mounts: { default: [{ host: '/b', container: '/b' }] },
        security: { protected_paths: ['b'], additional_protected_paths: ['y'] },
      },
    ]);
    expect(merged.mounts?.default?.map(({ host }) => host)).toEqual(['/a', '/b']);
    expect(merged.security).toEqual({ protected_paths: ['b'], additional_protected_paths: ['x', 'y'] });
  });

  it('lets a higher layer turn some switches on but not off', () => {
    const on = {
      incus: { disable_shift: true },
      security: { disable_protection: true },
      defaults: { persistent: true },
    };
    const off = {
      incus: { disable_shift: false },
      security: { disable_protection: false },
      defaults: { persistent: false },
    };
    expect(mergeSettings([on, off])).toEqual({ ...on, defaults: { persistent: false } });
    expect(mergeSettings([off, on])).toEqual(on);
  });

  it('replaces a profile as a whole', () => {
    const merged = mergeSettings([
      { profiles: { p: { image: 'a', persistent: true }, q: { image: 'q' } } },
      { profiles: { p: { image: 'b' } } },
    ]);
    expect(merged.profiles).toEqual({ p: { image: 'b' }, q: { image: 'q' } });
  });

  it('replaces a mount at the same path as a whole', () => {
    const settings = { mounts: { default: [{ host: '/a', container: '/x', readonly: true }] } };
    const layers = commandLineLayers({ settings, flags: { mounts: { '/x': { host: '/b' } } } });
    expect(resolveSandbox({ layers, home: '/', session: true }).mounts).toEqual({ '/x': { host: '/b' } });
  });

  it('takes the older name of code_uid for the same key', () => {
    expect(mergeSettings([{ incus: { code_uid: 1 } }, { incus: { claude_uid: 2 } }]).incus).toEqual({ code_uid: 2 });
    expect(mergeSettings([{ incus: { claude_uid: 2 } }, { incus: { code_uid: 1 } }]).incus).toEqual({ code_uid: 1 });
  });
});

describe('commandLineLayers()', () => {
  const layers = {
    settings: { limits: { cpu: { count: '1', allowance: '1%', priority: 1 }, memory: { limit: '1' } } },
    environment: { limits: { cpu: { count: '2', allowance: '2%', priority: 2 } } },
    profile: { limits: { cpu: { count: '3', allowance: '3%' } } },
    flags: { limits: { cpu: { count: '4' } } },
  };

  it('lets flags win over the profile, that over the environment, that over files', () => {
    const sandbox = resolveSandbox({ layers: commandLineLayers(layers), home: '/', session: true });
    expect(sandbox.limits).toMatchObject({ cpu: { count: '4', allowance: '3%', priority: 2 }, memory: { limit: '1' } });
  });
});

describe('the longest running time', () => {
  const resolve = (runtime: object) =>
    resolveSandbox({ layers: [{ limits: { runtime } }], home: '/', session: true }).limits.runtime;

  it('takes a longest running time that stops nothing for none', () => {
    expect(resolve({ max_duration: '1h30m' })).toEqual({ maxMs: 5_400_000 });
    expect(resolve({ max_duration: '1h30m', stop_graceful: false })).toEqual({ maxMs: 5_400_000, force: true });
    expect(resolve({ max_duration: '1h30m', auto_stop: false })).toBeUndefined();
  });
});

describe('environmentLayer()', () => {
  it('reads the variables', () => {
    expect(
      environmentLayer({
        CLAUDE_ON_INCUS_IMAGE: 'x',
        CLAUDE_ON_INCUS_PERSISTENT: '1',
        COI_LIMIT_CPU: '2',
        COI_LIMIT_MEMORY: '',
      }),
    ).toEqual({ layer: { image: 'x', persistent: true, limits: { cpu: { count: '2' } } }, problems: [] });
  });

  it('names the variable that is wrong', () => {
    const { problems } = environmentLayer({ COI_LIMIT_CPU: 'many', COI_LIMIT_DURATION: 'soon' });
    expect(problems).toMatchObject([
      { code: 'spec.value', position: { file: 'environment variable COI_LIMIT_CPU' } },
      { code: 'spec.value', position: { file: 'environment variable COI_LIMIT_DURATION' } },
    ]);
  });
});
