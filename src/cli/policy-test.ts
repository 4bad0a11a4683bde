import { parseAsked } from '../network/destination.ts';
import type { PolicyTestReport } from '../controller/network-reports.ts';
import { connect } from './connect.ts';
import { jsonText, printable, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';
import { remedyText } from './why-denied.ts';

/** `coi policy test` */
export const policyTest: Verb = async ({ io, args: [name, destination], options }) => {
  const asked = parseAsked(destination!);
  if (typeof asked === 'string') {
    throw new UsageProblem(`"${printable(destination!)}" is no destination`, `${asked} Example: github.com:22`);
  }
  await using api = await connect(io, 'write');
  const report = await withProgress(io, 'Asking the rules', () =>
    api.policyTest({ name: name!, destination: destination! }),
  );
  io.stdout.write(options['format'] === 'json' ? jsonText(report) : render(printableReport(report)));
  return report.allowed ? 0 : 1;
};

function render({ name, destination, allowed, why, depends_on_address, ...remedy }: PolicyTestReport): string {
  const lines = [
    `${name} -> ${destination}: ${allowed ? 'allowed' : 'refused'}`,
    `  Why:    ${why}`,
    ...(allowed ? [] : [`  ${remedyText(remedy)}`]),
    ...(allowed && depends_on_address ? ['  Note:   the addresses that the name leads to must be allowed, too'] : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
