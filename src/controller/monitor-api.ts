import type { RuleChange } from '../spec/monitoring.ts';

/** One connection of a sandbox, seen through the namespace of its own init. */
export interface ConnectionReport {
  /** As the kernel's table is named: `tcp`, `tcp6`, `udp`, `udp6`. */
  readonly protocol: string;
  /** `ADDRESS:PORT`, IPv6 addresses in brackets. */
  readonly local_addr: string;
  readonly remote_addr: string;
  /** Name that led there, as far as our resolver knows. */
  readonly remote_name?: string;
  /** As ss(8) names it: `ESTABLISHED`, `LISTEN`, … */
  readonly state: string;
  /** Numeric id of its user on the host. */
  readonly uid?: number;
  readonly suspicious: boolean;
  readonly suspect_reason?: string;
}

/** One process of a sandbox. What is in here comes from inside: cut, and of any content. */
export interface ProcessReport {
  readonly pid: number;
  readonly ppid: number;
  /** Numeric id inside, as text; empty where it is not known. */
  readonly user: string;
  readonly command: string;
  /** Whether it reads environments, as far as its command line tells. */
  readonly env_access: boolean;
  /** What it has used since its start, without its children. */
  readonly cpu_time_seconds?: number;
}

/** What was detected of a sandbox lately, newest last. */
export interface ThreatReport {
  readonly id: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly level: string;
  readonly category: string;
  readonly rule: string;
  readonly title: string;
  readonly description: string;
  readonly action: string;
}

/** A sensor of the host, as the monitor has it. */
export interface SensorReport {
  readonly sensor: string;
  readonly state: 'active' | 'fallback' | 'off' | 'failed';
  readonly source: string;
  readonly because?: string;
  readonly seen: number;
  readonly dropped: number;
}

/** What a sandbox is doing now: the record of `coi monitor --json`. Sizes in MB (10^6 bytes), times in seconds. */
export interface MonitorReport {
  /** RFC 3339. */
  readonly timestamp: string;
  /** Of the Incus instance. */
  readonly container_name: string;
  readonly container_ip?: string;
  /** Name of the sandbox, and what it is doing: running, frozen, stopped, other. */
  readonly sandbox: string;
  readonly state: string;
  /** Why it is held, where a rule or somebody holds it. */
  readonly quarantine?: string;
  readonly monitoring: boolean;
  readonly network: {
    /** Established ones. */
    readonly active_connections: number;
    /** At most 200, those that lead somewhere first. */
    readonly connections: readonly ConnectionReport[];
    readonly suspicious_count: number;
  };
  readonly processes: {
    readonly available: boolean;
    /** Of all, also where not all are listed. */
    readonly total_count: number;
    /** At most 500. */
    readonly processes: readonly ProcessReport[];
  };
  readonly filesystem: {
    readonly available: boolean;
    readonly workspace_path?: string;
    readonly total_read_mb: number;
    readonly read_rate_mb_per_sec: number;
    readonly total_write_mb: number;
    readonly write_rate_mb_per_sec: number;
    readonly tmp_used_mb?: number;
    readonly tmp_total_mb?: number;
    readonly tmp_used_percent?: number;
  };
  readonly resources: {
    readonly cpu_time_seconds: number;
    readonly user_cpu_seconds: number;
    readonly sys_cpu_seconds: number;
    readonly memory_mb: number;
    readonly memory_limit_mb?: number;
    readonly io_read_mb: number;
    readonly io_write_mb: number;
  };
  readonly threats: readonly ThreatReport[];
  /** What could not be looked at, one sentence each. */
  readonly errors?: readonly string[];
  readonly sensors: readonly SensorReport[];
}

/** One line of the detection log, as it stands there. */
export type DetectionRecord = Readonly<Record<string, unknown>>;

/** Which detections somebody asks for. */
export interface DetectionQuery {
  /** Of a sandbox, or of its instance; also of one that is gone. */
  readonly name: string;
  /** Only what is as bad as this, or worse. */
  readonly level?: NonNullable<RuleChange['severity']>;
  /** Only what was written down then or later, milliseconds since 1970. */
  readonly since?: number;
}

/** What commands ask of the monitor. */
export interface MonitorApi {
  /**
   * What a sandbox is doing, looked at now. Changes nothing. Rates are since the last look at it, 0 at the first.
   *
   * @throws {Problem} `monitor.unknown` where there is no such sandbox
   */
  monitor(options: { readonly name: string }): Promise<MonitorReport>;
  /**
   * What was detected of a sandbox, oldest first; with `follow` it goes on until the signal aborts.
   *
   * @throws {Problem} `monitor.no-detections` where there is no log of that name and nothing is waited for
   */
  detections(
    options: DetectionQuery & { readonly follow?: boolean; readonly signal: AbortSignal },
  ): AsyncIterable<DetectionRecord>;
}
