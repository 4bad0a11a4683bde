import type { ConnectionReport, MonitorReport, ProcessReport, ThreatReport } from '../controller/monitor-api.ts';
import { cpuTimeOf } from '../host/process/cpu-time.ts';
import type { GroupUsage } from '../host/cgroup/usage.ts';
import type { Connection } from '../host/process/connections.ts';
import type { DetectionEntry } from './detection-sink.ts';
import type { ProcessSummary, TmpEvent } from './event.ts';
import { redact } from './log/redact.ts';
import { redactWords } from './log/redact-words.ts';

const mostProcesses = 500;
const mostConnections = 200;
export const megabyte = 1e6;

/** Connections, those first that lead somewhere; `detections` say which of them are suspicious. */
export function networkOf(
  connections: readonly Connection[],
  detections: readonly DetectionEntry[],
): MonitorReport['network'] {
  const suspects = suspectsOf(detections);
  const leads = ({ state, remotePort }: Connection) => (state === 'LISTEN' || remotePort === 0 ? 1 : 0);
  const sorted = connections.toSorted((a, b) => leads(a) - leads(b));
  const reports = sorted.slice(0, mostConnections).map((each) => connectionOf(each, suspects));
  return {
    active_connections: connections.filter(({ state }) => state === 'ESTABLISHED').length,
    connections: reports,
    suspicious_count: reports.filter(({ suspicious }) => suspicious).length,
  };
}

/** Why an address is suspicious: that a rule spoke of it, by the address. */
type Suspects = ReadonlyMap<string, string>;

function suspectsOf(detections: readonly DetectionEntry[]): Suspects {
  return new Map(
    detections.flatMap(({ match: { event, rule } }) =>
      event.kind === 'connection' ? [[event.address, rule.title] as const] : [],
    ),
  );
}

function connectionOf(connection: Connection, suspects: Suspects): ConnectionReport {
  const { protocol, localAddress, localPort, remoteAddress, remotePort, state, uid } = connection;
  const suspect = suspects.get(remoteAddress);
  return {
    protocol,
    local_addr: placeOf(localAddress, localPort),
    remote_addr: placeOf(remoteAddress, remotePort),
    state,
    uid,
    suspicious: suspect !== undefined,
    ...(suspect !== undefined && { suspect_reason: suspect }),
  };
}

function placeOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Programs whose purpose is to show an environment. */
const environmentReaders = new Set(['env', 'printenv']);

/** A process with its words, printable and without secrets. */
function processOf({ pid, ppid, user, name, program, words }: ProcessSummary): ProcessReport {
  const own = (program || (words[0] ?? '')).split('/').at(-1) ?? '';
  const isShowing = environmentReaders.has(own) && words.length <= 1;
  const used = cpuTimeOf(pid);
  const isReading = words.some((word) => /^\/proc\/[^/]+\/environ$/.test(word));
  return {
    pid,
    ppid,
    user: user === undefined ? '' : String(user),
    command: words.length > 0 ? redactWords(words) : `[${redact(name)}]`,
    env_access: isShowing || isReading,
    ...(used !== undefined && { cpu_time_seconds: used }),
  };
}

/** How full its /tmp is, where that is known. */
export function tmpOf(event: TmpEvent | undefined): Partial<MonitorReport['filesystem']> {
  if (!event) return {};
  return { tmp_used_mb: event.usedMb, tmp_total_mb: event.totalMb, tmp_used_percent: event.usedPercent };
}

/** A detection as it is shown. */
export function threatOf({ id, match, outcome }: DetectionEntry): ThreatReport {
  const { rule, event, description } = match;
  return {
    id,
    timestamp: new Date(event.at).toISOString(),
    level: rule.severity,
    category: rule.category,
    rule: rule.id,
    title: redact(rule.title),
    description: redact(description),
    action: outcome,
  };
}

/** What runs inside; undefined where that could not be seen. */
export function processesOf(
  processes: readonly ProcessSummary[] | undefined,
  count: number | undefined,
): MonitorReport['processes'] {
  const known = processes ?? [];
  return {
    available: processes !== undefined,
    total_count: Math.max(count ?? 0, known.length),
    processes: known.slice(0, mostProcesses).map(processOf),
  };
}

/** What it uses. */
export function resourcesOf(
  { cpuSeconds, userSeconds, systemSeconds, memoryBytes = 0, memoryLimitBytes }: GroupUsage,
  { total_read_mb, total_write_mb }: Pick<MonitorReport['filesystem'], 'total_read_mb' | 'total_write_mb'>,
): MonitorReport['resources'] {
  return {
    cpu_time_seconds: cpuSeconds,
    user_cpu_seconds: userSeconds,
    sys_cpu_seconds: systemSeconds,
    memory_mb: memoryBytes / megabyte,
    ...(memoryLimitBytes !== undefined && { memory_limit_mb: memoryLimitBytes / megabyte }),
    io_read_mb: total_read_mb,
    io_write_mb: total_write_mb,
  };
}
