/*
 * What sensors see of sandboxes. Everything in here that comes from inside is hostile: of any content, cut to a bounded
 * length by the sensor, and never to be printed or stored before it is made printable.
 */

/** What an event says about where and when. */
export interface Seen {
  /** The stamp's uid: whose it is. */
  readonly uid: string;
  /** When it happened, milliseconds since 1970. */
  readonly at: number;
}

/** One process inside, by its number on the host. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Of its parent on the host; 0 where that is not known. */
  readonly ppid: number;
  /** Numeric id of its user inside: 0 is root there. Absent where it is not known. */
  readonly user?: number;
  /** Name as the kernel has it, at most 15 bytes, see proc_pid_comm(5). */
  readonly name: string;
}

/** A program that runs, with its words. */
export interface ProcessSummary extends ProcessIdentity {
  /** Path that was given to execve(2), or that its executable has; empty where it is not known. */
  readonly program: string;
  /** Words, the first one the program's own name. */
  readonly words: readonly string[];
}

/** A program was started: execve(2) or execveat(2) returned well. */
export interface ExecEvent extends Seen, ProcessSummary {
  readonly kind: 'exec';
  /** Parents, the nearest first, as far as they are known and at most eight. */
  readonly parents: readonly ProcessSummary[];
  /** Words are missing or cut. */
  readonly isTruncated?: true;
  /** The executable has no name in any directory: of memfd_create(2), or deleted. */
  readonly isNameless?: true;
}

/** A socket that leads elsewhere became the standard input or output of a process: what is behind a reverse shell. */
export interface StdioEvent extends Seen, ProcessSummary {
  readonly kind: 'stdio';
  readonly parents: readonly ProcessSummary[];
  /** Which of 0, 1, 2. */
  readonly descriptor: number;
  /** It was so when the program was started; else the process made it so, as shells do for each `>` and `<`. */
  readonly isFromStart?: true;
}

/** A file whose path matters to some rule was opened, linked or renamed to. */
export interface FileEvent extends Seen, ProcessSummary {
  readonly kind: 'file';
  readonly parents: readonly ProcessSummary[];
  /** As it was named in the call: perhaps relative. */
  readonly path: string;
  readonly access: 'read' | 'write';
}

/** System calls that tell of attempts to get out, or to hide. */
export const watchedCalls = [
  'mount',
  'umount',
  'pivot_root',
  'setns',
  'unshare',
  'ptrace',
  'init_module',
  'finit_module',
  'bpf',
  'keyctl',
  'open_by_handle_at',
  'process_vm_writev',
  'memfd_create',
] as const;
export type WatchedCall = (typeof watchedCalls)[number];

/** Such a call was made, whether it succeeded or not. */
export interface CallEvent extends Seen, ProcessSummary {
  readonly kind: 'call';
  readonly parents: readonly ProcessSummary[];
  readonly call: WatchedCall;
  /** What says what it was about: source and target of a mount, the type of a file system; may be empty. */
  readonly details: readonly string[];
}

/** A new flow of a sandbox. */
export interface ConnectionEvent extends Seen {
  readonly kind: 'connection';
  /** As nft names it: `tcp`, `udp`, `icmp`, or a number. */
  readonly proto: string;
  readonly source: string;
  readonly address: string;
  readonly port?: number;
  /** Whether the rules let it through. */
  readonly verdict: 'passed' | 'refused';
  /** Name that led there, as far as our resolver knows. */
  readonly name?: string;
}

/** A sandbox asked our resolver for a name. */
export interface NameEvent extends Seen {
  readonly kind: 'name';
  /** Empty where only the flow to the name server was seen. */
  readonly name: string;
  /** As DNS names it: `A`, `TXT`; empty with the name. */
  readonly type: string;
  /** Whether there was an answer: `denied` when the allowlist lacks the name, `unseen` where only the flow was seen. */
  readonly result: string;
}

/** How much a sandbox read and wrote within the last `seconds`, at most 60. */
export interface VolumeEvent extends Seen {
  readonly kind: 'volume';
  readonly seconds: number;
  readonly readMb: number;
  readonly writtenMb: number;
}

/** How full its /tmp is. */
export interface TmpEvent extends Seen {
  readonly kind: 'tmp';
  readonly usedMb: number;
  readonly totalMb: number;
  readonly usedPercent: number;
}

/** Something happened of which the details were not recorded. */
export interface UnseenEvent extends Seen {
  readonly kind: 'unseen';
  readonly sensor: SensorName;
  /** How many events at least. */
  readonly count: number;
  /** They are missing from what was recorded of all sandboxes together: whose they were is not known. */
  readonly isShared?: true;
}

export type SensorEvent =
  | ExecEvent
  | StdioEvent
  | FileEvent
  | CallEvent
  | ConnectionEvent
  | NameEvent
  | VolumeEvent
  | TmpEvent
  | UnseenEvent;

export const eventKinds = ['exec', 'stdio', 'file', 'call', 'connection', 'name', 'volume', 'tmp', 'unseen'] as const;
export type EventKind = (typeof eventKinds)[number];

export const sensorNames = ['process', 'network', 'names', 'volume', 'tmp'] as const;
export type SensorName = (typeof sensorNames)[number];
