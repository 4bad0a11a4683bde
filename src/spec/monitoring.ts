import { isDeepStrictEqual } from 'node:util';
import { builtIn } from './defaults.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxLayer } from './schema/sandbox.ts';

/** How a sandbox is watched, and what follows. Sizes are in MB (10^6 bytes). */
export interface Monitoring {
  readonly enabled: boolean;
  /** Whether a high detection freezes. */
  readonly freezesOnHigh: boolean;
  /** Whether a critical detection ends it. */
  readonly killsOnCritical: boolean;
  /** Between two looks at what tells of nothing by itself, in milliseconds. */
  readonly pollMs: number;
  readonly read: Volume;
  readonly write: Volume;
  /** How long detections are kept. */
  readonly logDays: number;
  readonly network: {
    readonly enabled: boolean;
    /** Most ordinary new flows that are logged. */
    readonly flowsPerSecond: number;
    readonly namesPerMinute: number;
    readonly logsNames: boolean;
    /** Lima machine whose kernel log is read; empty: this host's. */
    readonly limaHost: string;
  };
  /** What is changed about rules, by their ids. */
  readonly rules: Readonly<Record<string, RuleChange>>;
}

/** How much is ordinary. Zero stands for no limit. */
export interface Volume {
  /** Within one minute. */
  readonly thresholdMb: number;
  /** Mean of one minute. */
  readonly mbPerSecond: number;
}

/** The severities and responses that settings may name, from least to most. */
export const ruleSeverities = ['info', 'warning', 'high', 'critical'] as const;
export const ruleResponses = ['log', 'alert', 'network', 'freeze', 'kill'] as const;

/** What settings and manifests say about a rule that exists. */
export interface RuleChange {
  readonly enabled?: boolean;
  readonly severity?: (typeof ruleSeverities)[number];
  readonly response?: (typeof ruleResponses)[number];
}

/** Those parts of it that are not as usual. */
export interface MonitoringChange extends Partial<Omit<Monitoring, 'read' | 'write' | 'network'>> {
  readonly read?: Partial<Volume>;
  readonly write?: Partial<Volume>;
  readonly network?: Partial<Monitoring['network']>;
}

const usual: Monitoring = { ...builtIn.monitoring, rules: {} };

/** How a sandbox is watched, with all that it does not say filled in. */
export function monitoringOf({ monitoring = {} }: Pick<Sandbox, 'monitoring'>): Monitoring {
  const { read, write, network, ...rest } = monitoring;
  return {
    ...usual,
    ...rest,
    read: { ...usual.read, ...read },
    write: { ...usual.write, ...write },
    network: { ...usual.network, ...network },
  };
}

/** What layers say about it. Only what is not as usual is kept, so a sandbox that says nothing else means the same. */
export function resolveMonitoring(section: SandboxLayer['monitoring'] = {}): Pick<Sandbox, 'monitoring'> {
  const { nft = {}, rules = {} } = section;
  const said: Said = {
    enabled: section.enabled,
    freezesOnHigh: section.auto_pause_on_high,
    killsOnCritical: section.auto_kill_on_critical,
    pollMs: section.poll_interval_sec && section.poll_interval_sec * 1000,
    read: { thresholdMb: section.file_read_threshold_mb, mbPerSecond: section.file_read_rate_mb_per_sec },
    write: { thresholdMb: section.file_write_threshold_mb, mbPerSecond: section.file_write_rate_mb_per_sec },
    logDays: section.audit_log_retention_days,
    network: {
      enabled: nft.enabled,
      flowsPerSecond: nft.rate_limit_per_second,
      namesPerMinute: nft.dns_query_threshold,
      logsNames: nft.log_dns_queries,
      limaHost: nft.lima_host,
    },
    rules,
  };
  const monitoring = differing(said, { ...usual });
  return monitoring ? { monitoring } : {};
}

/** A change whose members may be undefined. */
type Said = { readonly [Key in keyof MonitoringChange]: unknown };

/** Such a section again, for a manifest. */
export function renderMonitoring({ monitoring }: Pick<Sandbox, 'monitoring'>): Pick<SandboxLayer, 'monitoring'> {
  if (!monitoring) return {};
  const { read = {}, write = {}, network = {}, rules } = monitoring;
  const nft = defined({
    enabled: network.enabled,
    rate_limit_per_second: network.flowsPerSecond,
    dns_query_threshold: network.namesPerMinute,
    log_dns_queries: network.logsNames,
    lima_host: network.limaHost,
  });
  const section = defined({
    enabled: monitoring.enabled,
    auto_pause_on_high: monitoring.freezesOnHigh,
    auto_kill_on_critical: monitoring.killsOnCritical,
    poll_interval_sec: monitoring.pollMs === undefined ? undefined : monitoring.pollMs / 1000,
    file_read_threshold_mb: read.thresholdMb,
    file_read_rate_mb_per_sec: read.mbPerSecond,
    file_write_threshold_mb: write.thresholdMb,
    file_write_rate_mb_per_sec: write.mbPerSecond,
    audit_log_retention_days: monitoring.logDays,
  });
  return {
    monitoring: { ...section, ...(nft && { nft }), ...(rules && { rules: structuredClone(rules) }) },
  };
}

type Table = Readonly<Record<string, unknown>>;

/** Members of one table that another has not, or not so; undefined without any. */
function differing(table: Table, other: Table): Table | undefined {
  return defined(
    Object.fromEntries(
      Object.entries(table).map(([key, value]) => {
        const known = other[key];
        if (isTable(value)) return [key, differing(value, isTable(known) ? known : {})];
        return [key, isDeepStrictEqual(value, known) ? undefined : value];
      }),
    ),
  );
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null;
}

/** Without members that are undefined; undefined when there is no other. */
function defined<Members extends Table>(members: Members): Defined<Members> | undefined {
  const kept = Object.entries(members).filter(([, value]) => value !== undefined);
  return kept.length === 0 ? undefined : (Object.fromEntries(kept) as Defined<Members>);
}

type Defined<Members> = { [Key in keyof Members]?: Exclude<Members[Key], undefined> };
