import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandLineLayers, mergeSettings } from '../../src/spec/layers.ts';
import { looseningKeys } from '../../src/spec/loosening.ts';
import { resolveSandbox } from '../../src/spec/resolve-sandbox.ts';
import { settingsFileSchema, type SettingsLayer } from '../../src/spec/schema/files.ts';
import { keysOf } from '../../src/spec/schema/walk.ts';
import type { Sandbox } from '../../src/spec/sandbox.ts';
import type { SandboxLayer } from '../../src/spec/schema/sandbox.ts';

/** Keys that need trust, of a project in /w below settings of the user's and flags. */
function refused(project: SettingsLayer, { user = {}, flags = {}, profile }: Above = {}): string[] {
  const resolve = (part: SettingsLayer) => {
    const settings = mergeSettings([user, part]);
    const chosen = profile === undefined ? undefined : settings.profiles?.[profile];
    const layers = commandLineLayers({
      settings,
      ...(chosen && { profile: chosen }),
      flags: { workspace: '/w', ...flags },
    });
    return resolveSandbox({ layers, home: '/home/ann', session: true });
  };
  const profiles = Object.keys(user.profiles ?? {});
  return looseningKeys({ project, profiles, resolve }).map(({ path }) => path.join('.'));
}

interface Above {
  readonly user?: SettingsLayer;
  readonly flags?: SandboxLayer;
  readonly profile?: string;
}

describe('what a project may say by itself', () => {
  it.each<[string, SettingsLayer, Above?]>([
    ['nothing', {}],
    ['an image', { defaults: { image: 'coi-node', persistent: true } }],
    ['no network', { network: { mode: 'none' } }],
    ['a list of its own in place of the internet', { network: { mode: 'allowlist', allowed_domains: ['a.example'] } }],
    ['what the user allows anyway', { network: { mode: 'open' } }, { user: { network: { mode: 'open' } } }],
    [
      'a part of the list',
      { network: { allowed_domains: ['a.example'] } },
      { user: { network: { mode: 'allowlist', allowed_domains: ['a.example', 'b.example'] } } },
    ],
    ['more protected paths', { security: { additional_protected_paths: ['.envrc'] } }],
    ['a directory in place of what is in it', { security: { protected_paths: ['.git', '.husky', '.vscode'] } }],
    ['no containers inside', { security: { docker: false } }],
    ['containers inside, as everybody', { security: { docker: true } }],
    ['a directory of its own', { mounts: { default: [{ host: '/w/data', container: '/data' }] } }],
    ['a limit where there was none', { limits: { memory: { limit: '64GiB' } } }],
    [
      'a lower limit',
      { limits: { memory: { limit: '1GiB' }, cpu: { count: '0-1' } } },
      { user: { limits: { memory: { limit: '2GiB' }, cpu: { count: '4' } } } },
    ],
    ['its path inside', { paths: { preserve_workspace_path: true } }],
    ['a profile that nobody asks for', { profiles: { wide: { network: { mode: 'open' } } } }],
    [
      'to be watched more closely',
      {
        monitoring: {
          enabled: true,
          poll_interval_sec: 1,
          file_read_threshold_mb: 50,
          file_write_rate_mb_per_sec: 10,
          audit_log_retention_days: 60,
          nft: { dns_query_threshold: 10 },
          rules: { miner: { enabled: true, severity: 'critical', response: 'kill' } },
        },
      },
    ],
    [
      'a rule that its user turned off, and one that is no less than the user has it',
      { monitoring: { rules: { miner: { enabled: false }, shell: { response: 'freeze' } } } },
      { user: { monitoring: { rules: { miner: { enabled: false }, shell: { response: 'network' } } } } },
    ],
    ['to be asked', { tool: { permission_mode: 'interactive' } }],
  ])('%s', (_, project, above) => {
    expect(refused(project, above)).toEqual([]);
  });

  it.each<[string, SettingsLayer, string[], Above?]>([
    ['the whole network', { network: { mode: 'open' } }, ['network.mode']],
    ['the local network', { network: { allow_local_network_access: true } }, ['network.allow_local_network_access']],
    ['private addresses', { network: { block_private_networks: false } }, ['network.block_private_networks']],
    [
      'a private address on a list',
      { network: { mode: 'allowlist', allowed_domains: ['10.0.0.1'] } },
      ['network.mode', 'network.allowed_domains'],
    ],
    [
      'another list than asked for',
      { network: { allowed_domains: ['evil.example'] } },
      ['network.allowed_domains'],
      { flags: { network: { mode: 'allowlist' } } },
    ],
    [
      'another list than the user has',
      { network: { allowed_domains: ['evil.example'] } },
      ['network.allowed_domains'],
      { user: { network: { mode: 'allowlist', allowed_domains: ['a.example'] } } },
    ],
    ['a log elsewhere', { network: { logging: { path: '/etc/cron.d/x' } } }, ['network.logging.path']],
    [
      'containers inside against its user',
      { security: { docker: true } },
      ['security.docker'],
      { user: { security: { docker: false } } },
    ],
    ['no protection', { security: { disable_protection: true } }, ['security.disable_protection']],
    ['writable hooks', { git: { writable_hooks: true } }, ['git.writable_hooks']],
    ['a shorter list of paths', { security: { protected_paths: ['.git/hooks'] } }, ['security.protected_paths']],
    ['a directory of the user', { mounts: { default: [{ host: '~/.ssh', container: '/keys' }] } }, ['mounts.default']],
    ['a directory beside it', { mounts: { default: [{ host: '/w2', container: '/x' }] } }, ['mounts.default']],
    [
      'a higher limit',
      { limits: { memory: { limit: '4GiB' } } },
      ['limits.memory.limit'],
      { user: { limits: { memory: { limit: '2GiB' } } } },
    ],
    [
      'no limit',
      { limits: { memory: { limit: '' } } },
      ['limits.memory.limit'],
      { user: { limits: { memory: { limit: '2GiB' } } } },
    ],
    [
      'more processors',
      { limits: { cpu: { count: '0-7' } } },
      ['limits.cpu.count'],
      { user: { limits: { cpu: { count: '4' } } } },
    ],
    [
      'a share that cannot be compared',
      { limits: { memory: { limit: '10%' } } },
      ['limits.memory.limit'],
      { user: { limits: { memory: { limit: '2GiB' } } } },
    ],
    [
      "a profile in the place of the user's",
      { profiles: { safe: { network: { mode: 'open' } } } },
      ['profiles.safe'],
      { user: { profiles: { safe: { network: { mode: 'none' } } } }, profile: 'safe' },
    ],
    [
      "nothing in the place of the user's profile",
      { profiles: { strict: {} } },
      ['profiles.strict'],
      { user: { profiles: { strict: { network: { mode: 'none' } } } }, profile: 'strict' },
    ],
    [
      'an image in the place of what the profile says about the agent',
      { profiles: { careful: { image: 'coi-node' } } },
      ['profiles.careful'],
      { user: { profiles: { careful: { tool: { permission_mode: 'interactive', host_files: false } } } } },
    ],
    [
      'a profile of its own with the whole network',
      { profiles: { dev: { image: 'x', network: { mode: 'open' } } } },
      ['profiles.dev.network.mode'],
      { profile: 'dev' },
    ],
    ['root inside', { incus: { code_uid: 0 } }, ['incus.code_uid']],
    ['another socket', { controller: { run_dir: '/tmp/evil' } }, ['controller.run_dir']],
    ['another agent', { tool: { name: 'codex', binary: '/w/evil' } }, ['tool.name', 'tool.binary']],
    ['not to be watched', { monitoring: { enabled: false } }, ['monitoring.enabled']],
    [
      'to be left running',
      { monitoring: { auto_pause_on_high: false, auto_kill_on_critical: false } },
      ['monitoring.auto_pause_on_high', 'monitoring.auto_kill_on_critical'],
    ],
    [
      'to be looked at less often, or forgotten earlier',
      { monitoring: { poll_interval_sec: 60, audit_log_retention_days: 1 } },
      ['monitoring.poll_interval_sec', 'monitoring.audit_log_retention_days'],
    ],
    [
      'to read and write more',
      { monitoring: { file_read_threshold_mb: 0, file_write_threshold_mb: 19000, file_read_rate_mb_per_sec: 100 } },
      [
        'monitoring.file_read_threshold_mb',
        'monitoring.file_write_threshold_mb',
        'monitoring.file_read_rate_mb_per_sec',
      ],
      { user: { monitoring: { file_read_rate_mb_per_sec: 10 } } },
    ],
    [
      'connections that nobody looks at',
      {
        monitoring: {
          nft: {
            enabled: false,
            rate_limit_per_second: 1,
            dns_query_threshold: 601,
            log_dns_queries: false,
            lima_host: 'other',
          },
        },
      },
      ['enabled', 'rate_limit_per_second', 'dns_query_threshold', 'log_dns_queries', 'lima_host'].map(
        (key) => `monitoring.nft.${key}`,
      ),
    ],
    ['a rule off', { monitoring: { rules: { miner: { enabled: false } } } }, ['monitoring.rules.miner.enabled']],
    [
      'a rule whose severity nobody knows to be less',
      { monitoring: { rules: { miner: { severity: 'high', response: 'freeze' } } } },
      ['monitoring.rules.miner.severity', 'monitoring.rules.miner.response'],
    ],
    [
      'a rule with less than its user has it',
      { monitoring: { rules: { miner: { severity: 'info', response: 'log' } } } },
      ['monitoring.rules.miner.severity', 'monitoring.rules.miner.response'],
      { user: { monitoring: { rules: { miner: { severity: 'warning', response: 'alert' } } } } },
    ],
    ['not to be asked', { tool: { permission_mode: 'bypass' } }, ['tool.permission_mode']],
  ])('not %s', (_, project, keys, above) => {
    expect(refused(project, above)).toEqual(keys);
  });

  it('nothing that is not known: every section is judged', () => {
    const judged = new Set(
      ['defaults', 'network', 'security', 'git', 'mounts', 'limits', 'profiles', 'paths', 'tool'].concat('monitoring'),
    );
    for (const { path, leaf } of keysOf(settingsFileSchema)) {
      if (!leaf || judged.has(String(path[0]))) continue;
      const project = path.reduceRight<unknown>((below, key) => ({ [key]: below }), 'x') as SettingsLayer;
      expect(refused(project)).toEqual([path.join('.')]);
    }
  });

  it('never more than without it, whatever it says about protection', () => {
    const paths = fc.subarray(['.git/hooks', '.git/config', '.husky', '.vscode', '.git', '.envrc']);
    fc.assert(
      fc.property(paths, paths, fc.boolean(), fc.boolean(), (own, more, off, hooks) => {
        const project: SettingsLayer = {
          security: { protected_paths: own, additional_protected_paths: more, disable_protection: off },
          git: { writable_hooks: hooks },
        };
        if (refused(project).length > 0) return;
        const layers = commandLineLayers({ settings: project, flags: { workspace: '/w' } });
        const { protectedPaths = [] } = resolveSandbox({ layers, home: '/', session: true });
        for (const path of ['.git/hooks', '.git/config', '.husky', '.vscode']) {
          expect(protectedPaths.some((each) => path === each || path.startsWith(`${each}/`))).toBe(true);
        }
      }),
    );
  });

  it('nothing whose outcome is more, whatever its keys are judged by', () => {
    const sandbox = resolveSandbox({ layers: [], home: '/', session: true });
    const project = { defaults: { image: 'x' } };
    const outcome = (more: Partial<Sandbox>, less: Partial<Sandbox> = {}) =>
      looseningKeys({
        project,
        profiles: [],
        resolve: (part) => ({ ...sandbox, ...(part.defaults ? more : less) }),
      }).map(({ path, why }) => `${path.join('.')}: ${why}`);
    const careful = { tool: { name: 'claude', permissionMode: 'interactive', hostFiles: false } } as const;
    expect(outcome({ network: { mode: 'open' } })).toEqual([
      'defaults: it reaches more than what you allow (restricted)',
    ]);
    expect(outcome({ tool: { ...careful.tool, permissionMode: 'bypass' } }, careful)).toEqual([
      'defaults: the agent acts without asking you',
    ]);
    expect(outcome({ tool: { name: 'claude', permissionMode: 'interactive' } }, careful)).toEqual([
      'defaults: files of your home go in',
    ]);
    for (const tool of [{ name: 'codex' }, { command: ['sh'] }, { name: 'claude', binary: '/x' }] as const) {
      expect(outcome({ tool: { ...careful.tool, ...tool } }, careful)).toEqual([
        'defaults: another program runs inside',
      ]);
    }
    expect(outcome({ codeUser: { uid: 0, name: 'root' } })).toEqual(['defaults: it changes your codeUser']);
    expect(outcome({ image: 'x', persistent: true }, careful)).toEqual(['defaults: another program runs inside']);
    expect(outcome({ ...careful, image: 'x', persistent: true }, { tool: { name: 'claude' } })).toEqual([]);
  });
});
