import type { DetectionRecord } from '../controller/monitor-api.ts';
import { jsonLine, jsonText, printable } from './printable.ts';
import { styleOfLevel } from './monitor-sections.ts';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';

/** How detections are written. */
export type DetectionFormat = 'text' | 'json' | 'jsonl' | 'ocsf';

/** A table for people, oldest first; nothing without any. */
export function detectionTable(records: readonly DetectionRecord[], paint: Paint, width: number | undefined): string {
  if (records.length === 0) return '';
  const rows = records.map((record) => cellsOf(record, paint));
  return renderTable({ head: ['TIME', 'LEVEL', 'RULE', 'ACTION', 'DESCRIPTION'], rows, width });
}

/** One of them on a line of its own, for those that come one by one. */
export function detectionLine(record: DetectionRecord, paint: Paint): string {
  return `${cellsOf(record, paint).join('  ')}\n`;
}

/** For programs: `json` one list, the others one object a line. */
export function detectionData(records: readonly object[], format: Exclude<DetectionFormat, 'text'>): string {
  return format === 'json' ? jsonText(records) : records.map(jsonLine).join('');
}

function cellsOf(record: DetectionRecord, paint: Paint): string[] {
  const text = (field: string) => printable(textOf(record[field]));
  const level = text('level');
  const style = styleOfLevel(level);
  const count = typeof record['count'] === 'number' && record['count'] > 1 ? ` (${record['count']} times)` : '';
  const because = record['because'] === undefined ? '' : `: ${text('because')}`;
  const about = text('description') || text('title');
  return [text('timestamp'), paint(style, level), text('rule'), paint(style, text('action')), about + count + because];
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined ? '' : JSON.stringify(value);
}
