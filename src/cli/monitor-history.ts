import type { ConnectionReport, MonitorReport } from '../controller/monitor-api.ts';

/** What one look came to, for graphs. */
export interface Look {
  /** Of one processor. */
  readonly cpuPercent: number;
  readonly memoryMb: number;
  readonly readRate: number;
  readonly writeRate: number;
  /** Connections that the look before had not. */
  readonly newConnections: number;
}

/** What follows from several looks at one sandbox. */
export interface Seen {
  /** Oldest first. */
  readonly looks: readonly Look[];
  /** Percent of a processor that each process used since the look before, by its number; none at first. */
  readonly cpuByPid: ReadonlyMap<number, number>;
}

/** As many as a wide terminal shows. */
const mostLooks = 240;

/** Keeps what looks came to. */
export class MonitorHistory {
  #looks: readonly Look[] = [];
  #last: MonitorReport | undefined;

  /** Take a look. Of the first one nothing is known that takes two. */
  add(report: MonitorReport): Seen {
    const last = this.#last;
    this.#last = report;
    const seconds = last ? (Date.parse(report.timestamp) - Date.parse(last.timestamp)) / 1_000 : 0;
    this.#looks = [...this.#looks, lookOf(report, last, seconds)].slice(-mostLooks);
    return { looks: this.#looks, cpuByPid: cpuOf(report, last, seconds) };
  }
}

function lookOf(
  { resources, filesystem, network }: MonitorReport,
  last: MonitorReport | undefined,
  seconds: number,
): Look {
  const known = new Set(last?.network.connections.map(idOf));
  return {
    cpuPercent: percent(resources.cpu_time_seconds, last?.resources.cpu_time_seconds, seconds),
    memoryMb: resources.memory_mb,
    readRate: filesystem.read_rate_mb_per_sec,
    writeRate: filesystem.write_rate_mb_per_sec,
    newConnections: last ? network.connections.filter((each) => !known.has(idOf(each))).length : 0,
  };
}

function cpuOf({ processes }: MonitorReport, last: MonitorReport | undefined, seconds: number): Map<number, number> {
  const before = new Map(last?.processes.processes.map(({ pid, cpu_time_seconds: used }) => [pid, used]));
  return new Map(
    processes.processes.flatMap(({ pid, cpu_time_seconds: used }) =>
      used === undefined || !before.has(pid) ? [] : [[pid, percent(used, before.get(pid), seconds)]],
    ),
  );
}

/** Counters begin anew when a sandbox does. */
function percent(now: number, before: number | undefined, seconds: number): number {
  return before === undefined || seconds <= 0 ? 0 : Math.max(0, ((now - before) / seconds) * 100);
}

function idOf({ protocol, local_addr: local, remote_addr: remote }: ConnectionReport): string {
  return `${protocol} ${local} ${remote}`;
}
