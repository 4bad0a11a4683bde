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

/** How much is ordinary. */
export interface Volume {
  /** Within one look. */
  readonly thresholdMb: number;
  readonly mbPerSecond: number;
}

/** What settings and manifests say about a rule that exists. */
export interface RuleChange {
  readonly enabled?: boolean;
  readonly severity?: 'info' | 'warning' | 'high' | 'critical';
  readonly response?: 'log' | 'alert' | 'network' | 'freeze' | 'kill';
}
