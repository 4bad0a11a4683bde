import type { ConnectionReport, MonitorReport, ProcessReport } from '../controller/monitor-api.ts';
import { ageOf } from './ages.ts';
import type { Seen } from './monitor-history.ts';
import { processTree } from './process-tree.ts';
import type { Span } from './spans.ts';
import type { Style } from './style.ts';
import { padText, textWidth } from './text-width.ts';

type Line = readonly Span[];

/** What a part of the picture is made of. */
export interface Part {
  readonly report: MonitorReport;
  readonly seen: Seen;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Lines below its heading. */
  readonly room: number;
}

/** How a severity looks, everywhere. */
const levelStyles: Readonly<Record<string, Style>> = { critical: 'red', high: 'red', warning: 'yellow', info: 'dim' };

export function styleOfLevel(level: string): Style {
  return levelStyles[level] ?? 'yellow';
}

/** What was detected, the newest first. */
export function detectionLines({ report: { threats }, now, room }: Part): Line[] {
  const lines = threats.toReversed().map(({ timestamp, level, rule, description, action }) => {
    const style = styleOfLevel(level);
    const age = `${ageOf(timestamp, now)} ago`.padStart(11);
    return [
      { text: `${age}  ` },
      { text: level.padEnd(8), style },
      { text: `  ${rule}  ` },
      { text: action, style },
      { text: `  ${description}` },
    ];
  });
  return section({ title: 'DETECTIONS', none: 'none', lines, room });
}

/** Who it talks to, what is suspicious first. */
export function connectionLines({ report: { network }, room }: Part): Line[] {
  const { connections, suspicious_count: suspicious } = network;
  const worst = connections.toSorted((a, b) => Number(b.suspicious) - Number(a.suspicious));
  const cells = worst.map(connectionCells);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...cells.map((each) => textWidth(each[column]!))));
  const lines = cells.map((each, index): Line => {
    const text = each.map((cell, column) => padText(cell, widths[column] ?? 0)).join('  ');
    return [worst[index]!.suspicious ? { text, style: 'red' } : { text: text.trimEnd() }];
  });
  const title = `CONNECTIONS${suspicious > 0 ? `  ${suspicious} suspicious` : ''}`;
  return section({ title, none: 'none', lines, room });
}

function connectionCells(each: ConnectionReport): readonly string[] {
  const { protocol, local_addr: local, remote_addr: remote, remote_name: name, state, suspect_reason: reason } = each;
  const named = name === undefined ? remote : `${remote} (${name})`;
  const where = state === 'LISTEN' ? `on ${local}` : `to ${named}`;
  return [protocol, state, where, each.suspicious ? (reason ?? 'suspicious') : ''];
}

/** What runs, as a tree: where not all fit, what is busy, with its parents. */
export function processLines({ report: { processes }, seen, room }: Part): Line[] {
  const { available, total_count: total, processes: all } = processes;
  if (!available) return section({ title: 'PROCESSES', none: 'cannot be looked at', lines: [], room });
  const usedBy = ({ pid }: ProcessReport) => seen.cpuByPid.get(pid) ?? 0;
  const isCut = all.length > room || total > all.length;
  const tree = processTree(all, Math.max(0, isCut ? room - 1 : room), (each) => {
    return usedBy(each) + (each.env_access ? 1_000 : 0);
  });
  const lines = tree.map(({ process, stem }): Line => {
    const { pid, user, command, env_access: readsEnvironment } = process;
    const used = `${usedBy(process).toFixed(0)} %`.padStart(6);
    const text = `${String(pid).padStart(8)}  ${user.padEnd(5)}${used}  ${stem}${command}`;
    return [readsEnvironment ? { text, style: 'yellow' } : { text }];
  });
  const hidden = total - tree.length;
  return section({ title: `PROCESSES  ${total}`, none: 'none', lines: [...lines, ...moreLine(hidden)], room });
}

interface Section {
  readonly title: string;
  /** In place of no lines. */
  readonly none: string;
  readonly lines: readonly Line[];
  readonly room: number;
}

function section({ title, none, lines, room }: Section): Line[] {
  const head: Line[] = [[{ text: '' }], [{ text: title, style: 'bold' }]];
  if (lines.length === 0) return [...head, [{ text: none, style: 'dim' }]];
  if (lines.length <= room) return [...head, ...lines];
  const shown = lines.slice(0, Math.max(0, room - 1));
  return [...head, ...shown, ...moreLine(lines.length - shown.length)];
}

function moreLine(count: number): Line[] {
  return count > 0 ? [[{ text: `… ${count} more`, style: 'dim' }]] : [];
}
