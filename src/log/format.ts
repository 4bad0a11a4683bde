import { styleText } from 'node:util';

const names: Record<number, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };
const styles = { trace: 'gray', debug: 'gray', info: 'cyan', warn: 'yellow', error: 'red', fatal: 'red' } as const;
const hidden = new Set(['level', 'time', 'pid', 'hostname', 'msg']);

/** One line of the log as a person reads it: time, level, message, then the fields. Anything that is not JSON stays as it is. */
export function formatLine(line: string, { colour }: { readonly colour: boolean }): string {
  const record = parse(line);
  if (!record) return line;
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const level = names[Number(record['level'])] ?? 'info';
  const time = new Date(Number(record['time'])).toTimeString().slice(0, 8);
  const fields = Object.entries(record)
    .filter(([name]) => !hidden.has(name))
    .map(([name, value]) => ` ${paint('dim', `${name}=`)}${renderValue(value)}`);
  const head = `${time} ${paint(styles[level as keyof typeof styles], level.padEnd(5))} ${printable(textOf(record['msg']))}`;
  return `${head}${fields.join('')}\n`;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // The caller prints the line as it is.
    return undefined;
  }
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? message : '';
}

function renderValue(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[\w./:@+-]+$/.test(value) ? value : printable(JSON.stringify(value));
}

/** Text from inside a sandbox may end up in a message; it must not be able to steer the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
