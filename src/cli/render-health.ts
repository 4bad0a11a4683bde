import { groups, type CheckStatus } from '../health/check.ts';
import { checks } from '../health/checks.ts';
import type { HealthReport } from '../health/run-checks.ts';
import type { Io } from './io.ts';
import { plural } from './plural.ts';
import { jsonText, printableReport } from './printable.ts';
import { painter, type Paint, type Style } from './style.ts';

/** Exit codes that scripts may rely on. */
const exitCodes = { healthy: 0, degraded: 1, unhealthy: 2 } as const;

const styles: Readonly<Record<CheckStatus, Style>> = { ok: 'green', warning: 'yellow', failed: 'red', unknown: 'dim' };
const overall = { healthy: 'green', degraded: 'yellow', unhealthy: 'red' } as const;

/** How to show a report. */
export interface HealthView {
  readonly paint: Paint;
  /** Whether to show the details of every check. */
  readonly isVerbose: boolean;
}

/** Print a report. @returns the exit code that goes with it */
export function showHealth(
  io: Pick<Io, 'stdout' | 'env'>,
  report: HealthReport,
  { isJson, isVerbose }: { readonly isJson: boolean; readonly isVerbose: boolean },
): number {
  const view = { paint: painter(io.stdout, io), isVerbose };
  io.stdout.write(isJson ? jsonText(report) : renderHealth(printableReport(report), view));
  return exitCodes[report.status];
}

/** Everything by group, each problem with what puts it right. The report must be printable already. */
export function renderHealth(report: HealthReport, view: HealthView): string {
  const { total, passed, warnings, failed, unknown } = report.summary;
  const parts = groups.flatMap((group) => {
    const names = checks.filter((check) => check.group === group).map(({ name }) => name);
    const found = names.flatMap((name) => report.checks[name] ?? []);
    return found.length === 0 ? [] : [`${group}\n${found.map((finding) => renderCheck(finding, view)).join('')}`];
  });
  const counts = [`${passed} of ${total} passed`, plural(warnings, 'warning'), `${failed} failed`];
  if (unknown > 0) counts.push(`${unknown} unknown`);
  const status = view.paint(overall[report.status], report.status);
  return `${parts.join('\n')}\nSTATUS: ${status} (${counts.join(', ')})\n`;
}

function renderCheck(finding: HealthReport['checks'][string], { paint, isVerbose }: HealthView): string {
  const { name, status, message, fix = [], details = {} } = finding;
  const lines = [`  ${paint(styles[status], status.padEnd(7))}  ${name}: ${message}`];
  for (const command of fix) {
    lines.push(command.startsWith('#') ? `             ${command}` : `           fix: ${command}`);
  }
  if (isVerbose) {
    for (const [key, value] of Object.entries(details)) lines.push(`           ${key}: ${String(value)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
