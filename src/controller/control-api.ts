import type { Operation } from 'fast-json-patch';
import type { ContainerApi } from './container-api.ts';
import type { ForkApi } from './fork-api.ts';
import type { MonitorApi, SensorReport } from './monitor-api.ts';
import type { DenialsReport, PolicyReport, PolicyTestReport } from './network-reports.ts';
import type { ImageReport } from './image-record.ts';
import type { ProblemReport, SandboxReport, StepReport } from './report.ts';
import type { SessionApi } from './session-api.ts';
import type { SnapshotApi } from './snapshot-api.ts';

/** One source of manifests as JSON output has it. Times are RFC 3339. */
export interface SourceReport {
  readonly id: string;
  readonly kind: 'directory' | 'session';
  readonly path: string;
  /** Whether the newest read was complete, left something out, or failed. */
  readonly state: 'complete' | 'partial' | 'failed';
  readonly revision?: string;
  readonly sandboxes: number;
  readonly problems: readonly ProblemReport[];
  readonly read_at: string;
  readonly complete_at?: string;
}

/** What concerns the host as a whole. */
export interface HostReport {
  /** Who answers: a controller that runs, or this command by itself. */
  readonly controller: 'running' | 'in-process';
  readonly version: string;
  /** Tables, second layer and settings are as they should be; `unknown` where this user may not see them. */
  readonly network: 'ready' | 'not-ready' | 'unknown';
  readonly incus: 'up' | 'down';
  readonly metrics?: string;
  /** Instances that carry our name or stamp but are not ours to touch. */
  readonly unmanaged: readonly { readonly name: string; readonly why: string }[];
  /** Interfaces of ours whose owner is gone and that are about to be removed. */
  readonly orphans: readonly string[];
  /** Names whose deletion waits for `apply --confirm-deletes N`. */
  readonly held: readonly string[];
  readonly problems: readonly ProblemReport[];
  /** What looks at sandboxes, and how; only where a controller runs. */
  readonly sensors?: readonly SensorReport[];
}

export interface StatusReport {
  readonly sandboxes: readonly SandboxReport[];
  readonly sources: readonly SourceReport[];
  /** Those that are declared; none where only a user without root looks. */
  readonly images: readonly ImageReport[];
  readonly host: HostReport;
}

/** What is to be done about one sandbox. Empty `steps` and no `block`: nothing. */
export interface PlanReport {
  readonly name: string;
  readonly steps: readonly StepReport[];
  /** RFC 6902, from the live managed view to the desired one. */
  readonly patch: readonly Operation[];
  /** The live managed view the patch applies to; absent where there is no instance. */
  readonly live?: unknown;
  readonly block?: { readonly reason: string; readonly message: string; readonly hint?: string };
  /** Only where this user may not see the network rules: steps that put them right are not known. */
  readonly network?: 'unknown';
  /** Changes with everything that a saved plan takes for granted: uid, version, manifest. */
  readonly fingerprint: string;
}

/** A manifest file that a command brings along. */
export interface ManifestText {
  /** Path for messages. */
  readonly file: string;
  readonly text: string;
}

/** Files that were taken, or why none of them was. */
export interface StoreReport {
  /** Sandboxes that are declared by the files. Empty when there are problems: then nothing was stored. */
  readonly names: readonly string[];
  readonly problems: readonly ProblemReport[];
}

/** How one named sandbox took a command. */
export interface VerbReport {
  readonly name: string;
  readonly done: boolean;
  /** What was done, or why not and what to do instead. */
  readonly message: string;
}

/** Something on the host that belongs to nobody. */
export interface OrphanReport {
  /** Names it to `removeOrphans`. */
  readonly id: string;
  /** Of coi itself: `link`, `rules`, `state-file`, `tables`, `block-policies`; of the original coi: the others. */
  readonly kind:
    | 'link'
    | 'rules'
    | 'state-file'
    | 'tables'
    | 'block-policies'
    | 'workspace-tree'
    | 'forward-rule'
    | 'firewalld-rule'
    | 'firewalld-file-rule'
    | 'firewalld-binding';
  readonly what: string;
  /** Why it is taken for left over. */
  readonly why: string;
  /** Others may rely on it: only removed when asked for by itself. */
  readonly shared?: true;
}

/** Everything that was left over, and what could not be looked at. */
export interface OrphansReport {
  readonly orphans: readonly OrphanReport[];
  readonly problems: readonly ProblemReport[];
}

/** What became of orphans, by their ids. */
export interface CleanReport {
  readonly removed: readonly string[];
  /** Still there. */
  readonly left: readonly string[];
  readonly problems: readonly ProblemReport[];
}

/** One line of the audit log, as it stands there. */
export type EventRecord = Readonly<Record<string, unknown>>;

/**
 * What commands ask of a controller, whether it runs as a service or inside the command. Every method throws Problem.
 * The admin socket serves the same methods.
 */
export interface ControlApi extends SessionApi, ContainerApi, SnapshotApi, ForkApi, MonitorApi {
  status(): Promise<StatusReport>;
  /** Plans of all sandboxes, or of some, after a fresh look. `files` are planned as if they were stored already. */
  plan(options: {
    readonly names?: readonly string[];
    readonly files?: readonly ManifestText[];
    /** Whose session source the files would go to; root's unless given. */
    readonly uid?: number;
  }): Promise<readonly PlanReport[]>;
  /** Store files in the session source of a user, all or none of them. Names that a directory declares are refused. */
  store(options: { readonly uid: number; readonly files: readonly ManifestText[] }): Promise<StoreReport>;
  /** Look at everything now; resolves when every source has been read and every sandbox looked at once. */
  reconcile(): Promise<void>;
  /** Write tombstones. A sandbox that a directory declares is refused with the name of its file. */
  delete(options: {
    readonly names: readonly string[];
    readonly by: string;
    /** What agents left is not saved. */
    readonly noSave?: boolean;
    /** Refused for what is not stopped by now, whatever it was a moment ago. */
    readonly onlyStopped?: boolean;
  }): Promise<readonly VerbReport[]>;
  /** Hold sandboxes frozen until `resume`. */
  freeze(options: {
    readonly names: readonly string[];
    readonly by: string;
    readonly reason: string;
  }): Promise<readonly VerbReport[]>;
  /** Lift freezes and quarantines; a manifest's own state = "frozen" stays. No names: all that are frozen so. */
  resume(options: { readonly names: readonly string[] }): Promise<readonly VerbReport[]>;
  /** Stop everything but security steps. `until` in milliseconds since 1970. */
  suspend(options: {
    readonly names: readonly string[];
    readonly by: string;
    readonly reason: string;
    readonly until?: number;
  }): Promise<readonly VerbReport[]>;
  unsuspend(options: { readonly names: readonly string[] }): Promise<readonly VerbReport[]>;
  /** Let held deletions go on. @throws {Problem} `guard.count` unless `count` is exactly their number */
  confirmDeletes(options: { readonly count: number }): Promise<readonly string[]>;
  /** Stamp a stopped instance as the one of a declared sandbox. */
  adopt(options: { readonly name: string; readonly by: string }): Promise<VerbReport>;
  /** What a sandbox was not let through to and why. `since` in milliseconds since 1970. */
  denials(options: { readonly name: string; readonly since?: number }): Promise<DenialsReport>;
  /** What the kernel holds for a sandbox's network, and where each setting comes from. */
  policy(options: { readonly name: string }): Promise<PolicyReport>;
  /** What would become of a connection, as `HOST:PORT`, `HOST:PORT/udp`, `[IPV6]:PORT` or HOST. Sends nothing. */
  policyTest(options: { readonly name: string; readonly destination: string }): Promise<PolicyTestReport>;
  /** What was left over on the host by coi, or by the original coi. Changes nothing. */
  orphans(): Promise<OrphansReport>;
  /** Remove those of the ids that a fresh look still finds to be orphans. */
  removeOrphans(options: { readonly ids: readonly string[]; readonly by: string }): Promise<CleanReport>;
  /** Records of the audit log, oldest first; with `follow` it goes on until the signal aborts. */
  events(options: {
    readonly name?: string;
    readonly since?: number;
    readonly limit?: number;
    readonly follow?: boolean;
    readonly signal: AbortSignal;
  }): AsyncIterable<EventRecord>;
}

/** What only looks, and changes nothing. */
export type LookApi = Pick<ControlApi, 'status' | 'plan' | 'events'>;
