import { describe, expect, it } from 'vitest';
import { hashSandbox } from '../../src/spec/hash.ts';
import { commandLineLayers, manifestLayers, mergeSettings } from '../../src/spec/layers.ts';
import { monitoringOf } from '../../src/spec/monitoring.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';
import { renderManifest } from '../../src/spec/render-manifest.ts';
import { resolveSandbox } from '../../src/spec/resolve-sandbox.ts';
import type { SandboxLayer } from '../../src/spec/schema/sandbox.ts';
import { flagLayer } from '../../src/spec/session-flags.ts';
import { parseSettings } from '../../src/spec/settings.ts';

type Section = NonNullable<SandboxLayer['monitoring']>;

/** Every key in its usual value. */
const usual: Section = {
  enabled: true,
  auto_pause_on_high: true,
  auto_kill_on_critical: true,
  poll_interval_sec: 2,
  file_read_threshold_mb: 10_000,
  file_read_rate_mb_per_sec: 0,
  file_write_threshold_mb: 10_000,
  file_write_rate_mb_per_sec: 0,
  audit_log_retention_days: 30,
  nft: {
    enabled: true,
    rate_limit_per_second: 100,
    dns_query_threshold: 600,
    log_dns_queries: true,
    lima_host: '',
  },
  rules: {},
};

/** Every key in another. */
const unusual: Section = {
  enabled: false,
  auto_pause_on_high: false,
  auto_kill_on_critical: false,
  poll_interval_sec: 5,
  file_read_threshold_mb: 1.5,
  file_read_rate_mb_per_sec: 10,
  file_write_threshold_mb: 0,
  file_write_rate_mb_per_sec: 20,
  audit_log_retention_days: 7,
  nft: {
    enabled: false,
    rate_limit_per_second: 5,
    dns_query_threshold: 10,
    log_dns_queries: false,
    lima_host: 'colima',
  },
  rules: { 'shell.reverse': { enabled: false }, miner: { severity: 'critical', response: 'network' } },
};

function resolve(...layers: SandboxLayer[]) {
  return resolveSandbox({ layers, home: '/home/u', session: true });
}

describe('how a sandbox is watched', () => {
  it('is as usual where nobody says otherwise, and then no part of what the sandbox means', () => {
    const plain = resolve();
    const said = resolve({ monitoring: usual });
    expect(said).not.toHaveProperty('monitoring');
    expect(hashSandbox(said)).toBe(hashSandbox(plain));
    expect(monitoringOf(plain)).toMatchObject({ enabled: true, pollMs: 2000, rules: {} });
    expect(monitoringOf(plain)).toMatchObject({ read: { thresholdMb: 10_000, mbPerSecond: 0 }, logDays: 30 });
  });

  it('holds what differs alone, and is filled in', () => {
    const sandbox = resolve({ monitoring: { ...usual, file_read_threshold_mb: 10, nft: { dns_query_threshold: 9 } } });
    expect(sandbox.monitoring).toEqual({ read: { thresholdMb: 10 }, network: { namesPerMinute: 9 } });
    expect(monitoringOf(sandbox)).toMatchObject({
      enabled: true,
      read: { thresholdMb: 10, mbPerSecond: 0 },
      network: { enabled: true, namesPerMinute: 9, flowsPerSecond: 100 },
    });
  });

  it.each([
    ['as usual', {}],
    ['in every key', unusual],
    ['in one', { nft: { log_dns_queries: false } }],
  ])('comes out of a written manifest as it went in: %s', (_, monitoring) => {
    const sandbox = resolve({ monitoring });
    const text = renderManifest({ name: 'deadbeef-1', instance: 'coi-deadbeef-1', sandbox });
    const { manifests, problems } = parseManifestFile({
      file: 'f',
      text,
      kind: 'session',
      home: '/home/u',
      source: 's',
      settings: {},
    });
    expect(problems).toEqual([]);
    expect(manifests[0]!.sandbox.monitoring).toEqual(sandbox.monitoring);
    expect(manifests[0]!.hash).toBe(hashSandbox(sandbox));
  });

  it('is laid together from all layers, rule by rule', () => {
    const settings = mergeSettings([
      { monitoring: { rules: { miner: { severity: 'high' }, other: { enabled: false } }, poll_interval_sec: 3 } },
      { monitoring: { rules: { miner: { response: 'freeze' } }, auto_pause_on_high: false } },
    ]);
    const layers = manifestLayers({
      settings,
      profile: undefined,
      manifest: { monitoring: { rules: { other: { enabled: true } } } },
    });
    expect(resolve(...layers).monitoring).toEqual({
      pollMs: 3000,
      freezesOnHigh: false,
      rules: { miner: { severity: 'high', response: 'freeze' }, other: { enabled: true } },
    });
  });

  it('is all on for who asks for it on the command line', () => {
    const { layer, problems } = flagLayer({ workspace: '/w', monitor: true });
    expect(problems).toEqual([]);
    const settings = { monitoring: { ...unusual, poll_interval_sec: 2 } };
    const monitoring = monitoringOf(resolve(...commandLineLayers({ settings, flags: layer })));
    expect(monitoring).toMatchObject({
      enabled: true,
      freezesOnHigh: true,
      killsOnCritical: true,
      network: { enabled: true, namesPerMinute: 10 },
      rules: unusual.rules,
    });
  });

  it.each([
    ['monitoring.poll_interval_sec = 0', 'monitoring.poll_interval_sec'],
    ['monitoring.file_read_threshold_mb = -1', 'monitoring.file_read_threshold_mb'],
    ['monitoring.rules.miner.severity = "worst"', 'monitoring.rules.miner.severity'],
    ['monitoring.rules.miner.response = "reboot"', 'monitoring.rules.miner.response'],
    ['monitoring.rules.miner.severty = "high"', 'severty'],
    ['monitoring.rules."Not an id".enabled = false', 'Not an id'],
    ['monitoring.nft.lima_host = "--help"', 'monitoring.nft.lima_host'],
  ])('says what is wrong: %s', (text, part) => {
    const { warnings, problems } = parseSettings([{ file: 'f', text }]);
    const [problem, ...more] = [...problems, ...warnings];
    expect(more).toEqual([]);
    expect(problem!.message).toContain(part);
    expect(problem!.position).toMatchObject({ file: 'f', line: 1 });
  });
});
