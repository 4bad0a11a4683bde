import type { Connection } from '../../host/process/connections.ts';
import type { Match } from '../detection.ts';
import type { Evidence } from '../evidence.ts';
import type {
  CallEvent,
  ConnectionEvent,
  ExecEvent,
  FileEvent,
  ProcessSummary,
  SensorEvent,
  StdioEvent,
  VolumeEvent,
} from '../event.ts';
import type { Monitoring } from '../../spec/monitoring.ts';
import { redact } from './redact.ts';
import { redactWords } from './redact-words.ts';

/** What is ordinary for the sandbox. */
export type Thresholds = Pick<Monitoring, 'read' | 'write'>;

/** Most of one kind that are kept of what a frozen sandbox was doing. */
const mostProcesses = 100;
const mostConnections = 100;
const mostEvents = 50;
/** Longest text among them, in UTF-16 units. */
const longestText = 512;
/** Longest command line of them and of parents that is looked at. */
const mostOfCommand = 1_024;

/** What a sensor saw, in the fields of the log: `process`, `network`, `filesystem`, `file_write`, `disk_space`, … */
export function evidenceOf({ event, rule }: Match, thresholds?: Thresholds): object {
  if (event.kind === 'connection') return { network: networkOf(event, redact(rule.title)) };
  if (event.kind === 'volume') return volumeOf(event, thresholds);
  return plainOf(event, { pattern: rule.id });
}

/** What a frozen sandbox was doing, bounded. */
export function snapshotOf({ takenAt, processes, connections, events, missing }: Evidence): object {
  const snapshot = {
    taken_at: isoTime(takenAt),
    total_processes: processes.length,
    processes: processes.slice(0, mostProcesses).map((each) => processOf(each, mostOfCommand)),
    total_connections: connections.length,
    connections: connections.slice(0, mostConnections).map(socketOf),
    events: events.slice(-mostEvents).map((event) => ({
      at: isoTime(event.at),
      kind: event.kind,
      ...(event.kind === 'connection' ? { network: networkOf(event) } : plainOf(event, { isBrief: true })),
    })),
    missing: missing.slice(0, 16).map(redact),
  };
  return cutTexts(snapshot) as object;
}

/** How much of an event is written. */
interface How {
  /** The rule that applied. */
  readonly pattern?: string;
  /** One of many: without parents, and with the beginning of its command line alone. */
  readonly isBrief?: true;
}

/** What needs neither a rule's title nor thresholds. */
function plainOf(event: Exclude<SensorEvent, ConnectionEvent>, how: How): object {
  switch (event.kind) {
    case 'volume':
      return volumeOf(event);
    case 'name':
      return { dns: { name: redact(event.name), type: redact(event.type), result: redact(event.result) } };
    case 'tmp':
      return {
        disk_space: {
          tmp_used_mb: event.usedMb,
          tmp_total_mb: event.totalMb,
          tmp_used_percent: event.usedPercent,
        },
      };
    case 'unseen':
      return { unseen: { sensor: event.sensor, count: event.count } };
    case 'exec':
    case 'stdio':
    case 'file':
    case 'call':
      return ofProcess(event, how);
  }
}

/** A process, and what it did beside being started. */
function ofProcess(event: ExecEvent | StdioEvent | FileEvent | CallEvent, { pattern, isBrief }: How): object {
  return {
    process: {
      ...processOf(event, isBrief && mostOfCommand),
      ...(pattern !== undefined && { pattern }),
      indicators: indicatorsOf(event),
      parents: event.parents.slice(0, isBrief ? 0 : 8).map((each) => processOf(each, mostOfCommand)),
    },
    ...(event.kind === 'file' && { file: { path: redact(event.path), access: event.access } }),
    ...(event.kind === 'call' && { call: { name: event.call, details: event.details.slice(0, 8).map(redact) } }),
  };
}

function processOf({ pid, ppid, user, name, program, words }: ProcessSummary, most?: number) {
  return {
    pid,
    ppid,
    // A number, for names inside are what the sandbox says they are.
    user: user === undefined ? '' : String(user),
    name: redact(name),
    program: redact(program),
    command: redactWords(words, most),
  };
}

/** What is remarkable about a process beside the rule. */
function indicatorsOf(event: Extract<SensorEvent, ProcessSummary>): string[] {
  if (event.kind === 'stdio') return [`descriptor ${event.descriptor} is a socket`];
  if (event.kind !== 'exec') return [];
  return [...(event.isNameless ? ['program without a name'] : []), ...(event.isTruncated ? ['words cut'] : [])];
}

function networkOf({ proto, source, address, port, verdict, name }: ConnectionEvent, reason?: string): object {
  return {
    connection: {
      protocol: redact(proto),
      local_addr: redact(source),
      remote_addr: placeOf(redact(address), port),
      state: verdict === 'refused' ? 'REFUSED' : 'NEW',
      suspicious: reason !== undefined,
      ...(reason !== undefined && { suspect_reason: reason }),
    },
    ...(reason !== undefined && { reason }),
    ...(name !== undefined && { remote_host: redact(name) }),
  };
}

function placeOf(address: string, port: number | undefined): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

function volumeOf({ seconds, readMb, writtenMb }: VolumeEvent, thresholds?: Thresholds): object {
  const rate = (mb: number) => (seconds > 0 ? mb / seconds : 0);
  return {
    filesystem: {
      read_bytes_mb: readMb,
      read_rate_mb_per_sec: rate(readMb),
      duration: seconds,
      ...(thresholds && { threshold_mb: thresholds.read.thresholdMb }),
    },
    file_write: {
      write_bytes_mb: writtenMb,
      write_rate_mb_per_sec: rate(writtenMb),
      duration: seconds,
      ...(thresholds && { threshold_mb: thresholds.write.thresholdMb }),
    },
  };
}

/** In the words that the log has for connections. */
function socketOf({ protocol, localAddress, localPort, remoteAddress, remotePort, state, uid }: Connection): object {
  return {
    protocol,
    local_addr: placeOf(redact(localAddress), localPort),
    remote_addr: placeOf(redact(remoteAddress), remotePort),
    state: redact(state),
    uid,
  };
}

/** The same with all texts cut: there may be hundreds of them. */
function cutTexts(value: unknown): unknown {
  if (typeof value === 'string') return value.length > longestText ? `${value.slice(0, longestText)}…` : value;
  if (Array.isArray(value)) return value.map(cutTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, below]) => [key, cutTexts(below)]));
}

/** A time in ISO 8601; one that cannot be is the beginning of time, for no sensor's mistake may end the log. */
export function isoTime(ms: number): string {
  const date = new Date(ms);
  return (Number.isNaN(date.getTime()) ? new Date(0) : date).toISOString();
}
