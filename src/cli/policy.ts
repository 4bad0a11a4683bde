import type { InForce, NetworkSettingReport, PolicyReport } from '../controller/network-reports.ts';
import { renderPosition } from '../base/problem.ts';
import { connect } from './connect.ts';
import { jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import { painter, type Paint } from './style.ts';
import { renderTable } from './table.ts';
import type { Verb } from './verb.ts';

/** `coi policy` */
export const policy: Verb = async ({ io, args: [name], options }) => {
  await using api = await connect(io, 'write');
  const report = await withProgress(io, 'Asking the kernel', () => api.policy({ name: name! }));
  const text = () => render(printableReport(report), painter(io.stdout, io));
  io.stdout.write(options['format'] === 'json' ? jsonText(report) : text());
  return 0;
};

function render({ name, quarantine, in_force, differs, settings }: PolicyReport, paint: Paint): string {
  const head = in_force
    ? `${name}: mode ${in_force.mode} is in force`
    : `${name}: the kernel holds no rules for it, so nothing gets through`;
  const why = quarantine === undefined ? [] : [`  In quarantine: ${quarantine}. Lift it with: coi resume ${name}`];
  const lines = [
    head,
    ...why,
    ...(in_force ? factsOf(in_force).map(([what, value]) => `  ${`${what}:`.padEnd(16)}${value}`) : []),
    ...differs.map((text) => paint('red', `  Not as meant, ${text}`)),
  ];
  const table = settings
    ? `\n${renderTable({ head: ['NETWORK KEY', 'VALUE', 'FROM'], rows: rowsOf(settings, paint) })}`
    : '';
  return lines.map((line) => `${line}\n`).join('') + table;
}

const nameTexts: Readonly<Record<InForce['names'], string>> = {
  allowlist: 'those on the allowlist, looked up by coi',
  bridge: "all, looked up by the bridge's resolver",
  nobody: 'none',
};

function factsOf({ local_network, metadata, names, addresses, led_to }: InForce): [string, string][] {
  const open = led_to.map(({ destination, seconds }) => `${destination} (${seconds}s)`);
  return [
    ['Local network', local_network ? 'reachable' : 'out of reach'],
    ['Metadata', metadata ? 'reachable' : 'out of reach'],
    ['Names', nameTexts[names]],
    ...(names === 'allowlist' ? ([['Addresses', addresses.join(', ') || 'none']] as [string, string][]) : []),
    ...(names === 'allowlist' ? ([['Led to', open.join(', ') || 'none']] as [string, string][]) : []),
  ];
}

function rowsOf(settings: readonly NetworkSettingReport[], paint: Paint): string[][] {
  return settings.map(({ key, value, from, file, line, used }) => {
    const place = file === undefined ? '' : ` ${renderPosition({ file, ...(line !== undefined && { line }) })}`;
    const cells = [key, JSON.stringify(value), `${from}${place}${used ? '' : ' (not used in this mode)'}`];
    return used ? cells : cells.map((cell) => paint('dim', cell));
  });
}
