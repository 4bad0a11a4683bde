import { escapeSteering, steering } from '../base/steering.ts';

/** Text from manifests and sandboxes, safe to print on one line of a terminal: what could steer it is shown as an escape. */
export function printable(text: string): string {
  return escapeSteering(text);
}

/** The same for text that is meant to have several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(escapeSteering).join('\n');
}

/** A report with every text in it made printable, so that whoever lays it out cannot forget one. */
export function printableReport<Report>(report: Report): Report {
  return mapTexts(report) as Report;
}

/** JSON with two blanks of indent and a newline, without any sign that could steer a terminal; it reads back as the same value. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2).split('\n').map(escapeForJson).join('\n')}\n`;
}

/** The same on one line. */
export function jsonLine(value: unknown): string {
  return `${escapeForJson(JSON.stringify(value))}\n`;
}

function mapTexts(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(mapTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, below]) => [printable(key), mapTexts(below)]));
}

function escapeForJson(text: string): string {
  return text.replace(steering, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
