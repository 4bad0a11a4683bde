/**
 * Signs that can steer a terminal or turn the order of text around: control characters (C0, DEL, C1), separators of lines,
 * and the bidirectional controls of Unicode TR 9.
 */
const steering = /[\p{Cc}\u061C\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

/** Text from manifests and sandboxes, safe to print on one line of a terminal: what could steer it is shown as an escape. */
export function printable(text: string): string {
  return text.replace(steering, escape);
}

/** The same for text that is meant to have several lines. */
export function printableLines(text: string): string {
  return text.replace(steering, (sign) => (sign === '\n' ? sign : escape(sign)));
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

function escape(sign: string): string {
  const code = sign.charCodeAt(0);
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
}

function escapeForJson(text: string): string {
  return text.replace(steering, (sign) => `\\u${hex(sign.charCodeAt(0), 4)}`);
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
