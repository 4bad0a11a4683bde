import type { MonitorReport, SensorReport } from '../controller/monitor-api.ts';
import type { Look, Seen } from './monitor-history.ts';
import { connectionLines, detectionLines, processLines } from './monitor-sections.ts';
import { renderSpans, type Span } from './spans.ts';
import { sparkline } from './sparkline.ts';
import type { Paint, Style } from './style.ts';

/** What a picture of a sandbox is made with. */
export interface MonitorView {
  readonly paint: Paint;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Columns to fit into; endless when undefined. */
  readonly width: number | undefined;
  /** Lines to fit into; endless when undefined. */
  readonly height: number | undefined;
}

/** What a sandbox is doing, a line each. The report must be printable already. */
export function renderMonitor(report: MonitorReport, seen: Seen, { paint, now, width, height }: MonitorView): string[] {
  const head = [...headLines(report), [], ...rateLines(report, seen.looks, width)];
  const left = height === undefined ? Infinity : height - head.length;
  const { threats, network, processes } = report;
  const rooms = share(left, [threats.length, network.connections.length, processes.processes.length]);
  const part = (index: number) => ({ report, seen, now, room: rooms[index]! });
  const lines = [...head, ...detectionLines(part(0)), ...connectionLines(part(1)), ...processLines(part(2))];
  return lines.slice(0, height).map((line) => renderSpans(line, paint, width));
}

/** A heading, and the empty line before it. */
const frame = 2;
/** Lines that each part gets before the rest is shared. */
const least = 4;

/** Lines for each part: the least that it needs, then most of the rest from the last part to the first. */
function share(left: number, wanted: readonly number[]): number[] {
  const rooms = wanted.map((count) => Math.min(Math.max(1, count), least));
  let rest = left - frame * wanted.length - rooms.reduce((sum, each) => sum + each, 0);
  for (const index of wanted.keys().toArray().toReversed()) {
    const part = Number.isFinite(rest) && index > 0 ? Math.ceil(rest * 0.6) : rest;
    const more = Math.max(0, Math.min(wanted[index]! - rooms[index]!, part));
    rooms[index]! += more;
    rest -= more;
  }
  return rooms;
}

const stateStyles: Readonly<Record<string, Style>> = { running: 'green', frozen: 'yellow', stopped: 'dim' };

function headLines({ sandbox, state, quarantine, errors = [], ...report }: MonitorReport): (readonly Span[])[] {
  const address = report.container_ip === undefined ? '' : `  ${report.container_ip}`;
  const watched: readonly Span[] = report.monitoring
    ? report.sensors.flatMap(sensorSpans)
    : [{ text: '  not watched', style: 'yellow' }];
  return [
    [
      { text: sandbox, style: 'bold' },
      { text: '  ' },
      { text: state, style: stateStyles[state] ?? 'yellow' },
      { text: address },
      ...watched,
    ],
    ...(quarantine === undefined
      ? []
      : [quarantineLine(quarantine), [{ text: `Lift it with: coi resume ${sandbox}`, style: 'red' as const }]]),
    ...errors.map((error) => [{ text: `Not seen: ${error}`, style: 'yellow' as const }]),
  ];
}

function quarantineLine(why: string): readonly Span[] {
  return [{ text: `In quarantine: ${why}`, style: 'red' }];
}

const sensorStyles: Readonly<Record<SensorReport['state'], Style>> = {
  active: 'green',
  fallback: 'yellow',
  off: 'dim',
  failed: 'red',
};

function sensorSpans({ sensor, state, source, dropped }: SensorReport): Span[] {
  const how = state === 'active' ? source : source === '' ? state : `${state} (${source})`;
  const lost: readonly Span[] = dropped > 0 ? [{ text: ` ${dropped} lost`, style: 'red' }] : [];
  return [{ text: `  ${sensor} ` }, { text: how, style: sensorStyles[state] }, ...lost];
}

const shortestGraph = 10;
const longestGraph = 40;
const usualWidth = 100;

/** Its name, what is drawn, what a full bar stands for at least, and the number of now. */
type Row = readonly [name: string, graph: readonly number[], highest: number, text: string];

function rateLines(report: MonitorReport, looks: readonly Look[], width = usualWidth): (readonly Span[])[] {
  const rows = rowsOf(report, looks);
  const names = Math.max(...rows.map(([name]) => name.length));
  const texts = Math.max(...rows.map(([, , , text]) => text.length));
  const columns = Math.max(shortestGraph, Math.min(longestGraph, width - names - texts - 4));
  return rows.map(([name, graph, highest, text]) => [
    { text: `${name.padEnd(names)}  ` },
    { text: sparkline(graph, columns, highest), style: 'green' },
    { text: `  ${text}` },
  ]);
}

function rowsOf({ resources, filesystem, network }: MonitorReport, looks: readonly Look[]): readonly Row[] {
  const { cpuPercent = 0, newConnections = 0 } = looks.at(-1) ?? {};
  const { memory_mb: memory, memory_limit_mb: limit } = resources;
  const { tmp_used_percent: used, tmp_total_mb: size = 0, ...disk } = filesystem;
  const graphOf = (key: keyof Look) => looks.map((look) => look[key]);
  const tmp: readonly Row[] = used === undefined ? [] : [['/tmp', [], 0, `${used.toFixed(0)} % of ${megabytes(size)}`]];
  return [
    ['cpu', graphOf('cpuPercent'), 100, `${cpuPercent.toFixed(0)} %`],
    [
      'memory',
      graphOf('memoryMb'),
      limit ?? 0,
      `${megabytes(memory)}${limit === undefined ? '' : ` of ${megabytes(limit)}`}`,
    ],
    ['read', graphOf('readRate'), 1, rate(disk.read_rate_mb_per_sec, disk.total_read_mb)],
    ['write', graphOf('writeRate'), 1, rate(disk.write_rate_mb_per_sec, disk.total_write_mb)],
    ['new connections', graphOf('newConnections'), 5, `${newConnections}, ${network.active_connections} open`],
    ...tmp,
  ];
}

function rate(perSecond: number, total: number): string {
  return `${perSecond.toFixed(1)} MB/s, ${megabytes(total)} in all`;
}

function megabytes(mb: number): string {
  return mb >= 10_000 ? `${(mb / 1_000).toFixed(1)} GB` : `${mb.toFixed(mb < 10 ? 1 : 0)} MB`;
}
