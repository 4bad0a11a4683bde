import type { NetworkRules } from '../network/rules.ts';
import type { toolNames } from './defaults.ts';
import type { MonitoringChange } from './monitoring.ts';
import type { NetworkOrigins } from './network-origins.ts';

/** What a sandbox is to be doing, from least to most. The lowest of all that have a say wins. */
export const runStates = ['absent', 'stopped', 'frozen', 'running'] as const;
export type RunState = (typeof runStates)[number];

/** How long a sandbox may run, counted from its last start. */
export interface RuntimeLimit {
  readonly maxMs: number;
  /** What runs inside is not asked to end first. */
  readonly force?: true;
}

/** A directory of the host that shows inside. */
export interface Mount {
  /** Absolute. */
  readonly host: string;
  readonly readonly?: true;
  /** Ids of its files stay as they are on the host; left out they are shifted as those of the workspace. */
  readonly shift?: false;
  /** Name of its device; one after the path inside unless given. */
  readonly device?: string;
}

/** Limits as Incus takes them: texts that its instance options define. */
export interface Limits {
  readonly cpu?: { readonly count?: string; readonly allowance?: string; readonly priority?: number };
  readonly memory?: { readonly limit?: string; readonly enforce?: 'hard' | 'soft'; readonly swap?: string };
  readonly disk?: {
    readonly read?: string;
    readonly write?: string;
    readonly max?: string;
    readonly priority?: number;
  };
  /** Size of a /tmp in memory; absent leaves /tmp on the root disk. */
  readonly tmpfs?: string;
  /** Largest number of processes; absent means no limit. */
  readonly processes?: number;
  readonly runtime?: RuntimeLimit;
}

/** Cron expressions that start and stop a sandbox, read in `timezone` (an IANA name). */
export interface Schedule {
  readonly start?: string;
  readonly stop?: string;
  readonly timezone: string;
}

/** Snapshots that Incus makes and removes by itself. */
export interface SnapshotSchedule {
  /** Cron expression, or one of Incus' names for some; absent only in what is wrong. */
  readonly schedule?: string;
  /** How long each is kept; absent: until somebody deletes it. */
  readonly expiryMs?: number;
  /** Whether they are also made while the sandbox is stopped. */
  readonly stopped?: true;
}

/** What may happen to a sandbox without anybody saying so again. */
export interface Policy {
  /** What follows when the manifest is gone. */
  readonly deletion: 'delete' | 'orphan' | 'protect' | 'confirm';
  /** Whether differences made by hand are put right or only shown. */
  readonly drift: 'enforce' | 'observe';
  /** The most disruptive way in which a changed manifest may be carried out. */
  readonly allow: 'in-place' | 'restart' | 'recreate';
}

/** The process that a session is for. Numbers are used again, so its start and that of the machine belong to it. */
export interface Lease {
  readonly pid: number;
  /** Clock ticks between the start of the machine and its own, see proc_pid_stat(5). */
  readonly startedAt: string;
  /** Boot id of the machine, see proc_sys_kernel(5). */
  readonly boot: string;
}

/** What runs inside: nothing, a command, or an agent that coi knows. */
export interface Tool {
  readonly name?: ToolName;
  /** In place of an agent by name. */
  readonly command?: readonly string[];
  /** Program to start in place of the agent's own. */
  readonly binary?: string;
  /** With `name`: whether it asks a person before it acts. */
  readonly permissionMode?: 'bypass' | 'interactive';
  readonly effort?: 'low' | 'medium' | 'high';
  /** With the name `claude`: in place of the one of the agent's own settings. */
  readonly model?: string;
  /** Whether files of its owner's home go in; left out they do. */
  readonly hostFiles?: false;
}

export type ToolName = (typeof toolNames)[number];

/** What only a session that somebody opened has. */
export interface SessionPart {
  /** A UUID: agents that can be told an id use it as their own. */
  readonly id: string;
  /** Whether it continues an earlier conversation. */
  readonly resumes?: true;
  /** Name of the file beside the manifest with the environment of what runs inside. */
  readonly environment?: string;
  /** Whether its agent is started by the command that opened it, in that command's own terminal. */
  readonly direct?: true;
  /** Whether bash runs in place of the agent, with all that the agent would have. */
  readonly debug?: true;
}

/** What a command last asked of a container: the same wish said again is a new one, for what was stopped since. */
export interface Asked {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What runs inside is not asked to end first. */
  readonly force?: true;
}

/** What a copy was made from, at its first start. */
export interface Origin {
  /** Incus instance. */
  readonly instance: string;
  /** Of that instance. */
  readonly snapshot: string;
}

/** One sandbox with every layer applied and every default filled in. */
export interface Sandbox {
  readonly image: string;
  readonly state: RunState;
  /** Absolute host directory, mounted at /workspace unless `preservesPath`. */
  readonly workspace?: string;
  /** Whether the workspace appears at its own path inside, in place of /workspace; absent: it does not. */
  readonly preservesPath?: true;
  /** Paths of the workspace that are read-only inside, in order; absent without any. */
  readonly protectedPaths?: readonly string[];
  /** Whether containers can run inside; absent: they can. */
  readonly docker?: false;
  /** By absolute path inside; absent without any. */
  readonly mounts?: Readonly<Record<string, Mount>>;
  readonly persistent: boolean;
  readonly restart: 'always' | 'never';
  readonly tool: Tool;
  readonly prompt?: string;
  readonly network: NetworkRules;
  /** What becomes of the log of refused connections; absent: it is written where the host keeps it. */
  readonly networkLog?: { readonly enabled?: false; readonly path?: string };
  readonly limits: Limits;
  /** How it is watched, as far as that is not as usual: see `monitoringOf`; absent: as usual. */
  readonly monitoring?: MonitoringChange;
  readonly schedule?: Schedule;
  /** Snapshots of its disk that are made by themselves; absent without any. */
  readonly snapshots?: SnapshotSchedule;
  /** How long the sandbox may exist, counted from its creation. */
  readonly lifetime?: { readonly ttlMs: number };
  readonly policy: Policy;
  /** Names of sandboxes that must be Ready before this one is started. */
  readonly dependsOn: readonly string[];
  /** Numeric id and name of the user inside that owns the workspace and runs the agent. */
  readonly codeUser: { readonly uid: number; readonly name: string };
  /** Whether ids of the workspace's files are shifted into the container's range. */
  readonly shift: boolean;
  /** Only in sessions that are for one process and end with it. */
  readonly lease?: Lease;
  /** Only where somebody shut it down: how many seconds what runs inside has to end by itself, before it is deleted. */
  readonly endsWithin?: number;
  /** Only in sessions that were opened for somebody. */
  readonly session?: SessionPart;
  /** Only where a command launched, started or stopped the container by its name. */
  readonly asked?: Asked;
  /** Only in copies of another sandbox: they are made from this, and not from the image. */
  readonly origin?: Origin;
}

/** Whether an agent or a command is started inside as soon as the sandbox runs. */
export function hasAgent({ tool, session }: Sandbox): boolean {
  return (tool.name !== undefined || tool.command !== undefined) && session?.direct !== true;
}

/** A sandbox as one source declares it. */
export interface Manifest {
  readonly name: string;
  /** Name of the Incus instance: `coi-<name>` for declared sandboxes. */
  readonly instance: string;
  readonly sandbox: Sandbox;
  /** Identifier of the source, as stamped on the instance. */
  readonly source: string;
  readonly position: { readonly file: string; readonly line: number };
  /** Whose it is: of the file that declares it. */
  readonly owner?: { readonly uid: number; readonly home: string };
  /** Where the values of its section `network` were written, whatever layer that was. */
  readonly origins?: NetworkOrigins;
  /** Hash of `sandbox` in canonical form: the same for the same meaning, whatever the file's layout. */
  readonly hash: string;
}
