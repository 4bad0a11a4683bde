import type { ConnectionDenial, DenialsReport, RefusedName, Remedy } from '../controller/network-reports.ts';
import { ageOf } from './ages.ts';
import { connect } from './connect.ts';
import { plural } from './plural.ts';
import { jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import type { Verb } from './verb.ts';

/** `coi why-denied` */
export const whyDenied: Verb = async ({ io, args: [name], options }) => {
  // What was refused stands in the kernel, where only root looks: who cannot ask a controller must be able to be one.
  await using api = await connect(io, 'write');
  const since = options['since'];
  const report = await withProgress(io, 'Asking what was refused', () =>
    api.denials({ name: name!, ...(typeof since === 'number' && { since: io.clock.now() - since }) }),
  );
  const text = () => render(printableReport(report), io.clock.now());
  io.stdout.write(options['format'] === 'json' ? jsonText(report) : text());
  return 0;
};

function render(report: DenialsReport, now: number): string {
  const { name, mode, quarantine, connections, names, packets } = report;
  const state = quarantine === undefined ? `mode ${mode}` : `in quarantine: ${quarantine}`;
  const blocks = [
    ...connections.map((each) => [`${destination(each)}  ${often(each, now)}`, ...reasons(each)]),
    ...names.map((each) => [`${each.name} (${each.type})  ${often(each, now)}`, ...reasons(each)]),
  ];
  const count = `${plural(packets, 'packet')} refused`;
  if (blocks.length === 0) return `${name} (${state}): nothing on record, ${count}\n`;
  const head = `${name} (${state}): ${plural(connections.length, 'destination')} and ${plural(names.length, 'name')}, ${count}`;
  return [head, ...blocks.map((lines) => lines.map((line) => `  ${line}`).join('\n'))].join('\n\n').concat('\n');
}

function destination({ address, proto, port, name }: ConnectionDenial): string {
  const host = address.includes(':') && port !== undefined ? `[${address}]` : address;
  const where = port === undefined ? `${host} (${proto})` : `${host}:${port}${proto === 'tcp' ? '' : `/${proto}`}`;
  return name === undefined ? where : `${where} (${name})`;
}

function often({ count, first, last }: ConnectionDenial | RefusedName, now: number): string {
  const times = count === 1 ? 'once' : `${count} times`;
  if (first === last || count === 1) return `${times}, ${ageOf(last, now)} ago`;
  return `${times}, first ${ageOf(first, now)} ago, last ${ageOf(last, now)} ago`;
}

function reasons({ why, ...remedy }: (ConnectionDenial | RefusedName) & { readonly why: string }): string[] {
  return [`  Why:    ${why}`, `  ${remedyText(remedy)}`];
}

/** The line that would allow something, or why there is none. */
export function remedyText({ allow, nothing }: Remedy): string {
  if (!allow) return `Nothing in a manifest allows this: ${nothing}`;
  return allow.entry === undefined
    ? `Allow:  ${allow.line}`
    : `Allow:  add ${JSON.stringify(allow.entry)}: ${allow.line}`;
}
