import { renderPosition } from '../base/problem.ts';
import type { SandboxReport, StepReport } from '../controller/report.ts';
import { ageOf, untilText } from './ages.ts';
import { problemText } from './find-sandbox.ts';
import { readyText, type View } from './render-status.ts';
import { renderTable } from './table.ts';

/** Everything about one sandbox. The report must be printable already. */
export function renderSandbox(report: SandboxReport, view: View): string {
  const { name, instance, conditions, steps, drift, overrides, failure } = report;
  const rows = factsOf(report, view.now).filter(([, value]) => value !== '');
  const width = Math.max(...rows.map(([label]) => label.length)) + 1;
  return [
    `${name} (${instance})\n`,
    ...rows.map(([label, value]) => `  ${`${label}:`.padEnd(width)} ${value}\n`),
    block('Conditions', conditionLines(conditions, view)),
    block(
      'Steps',
      steps.map((step, index) => `${index + 1}. ${stepText(step)}`),
    ),
    block('Changed by hand', drift),
    block(
      'Overrides',
      overrides.map(({ kind, by, reason }) => `${kind} by ${by}: ${reason}`),
    ),
    block('Failure', failure ? [problemText(failure)] : []),
  ].join('');
}

/** A step on one line. */
export function stepText({ kind, to, risk, why }: StepReport): string {
  return `${to ?? kind} (${risk}): ${why}`;
}

function factsOf(report: SandboxReport, now: number): (readonly [label: string, value: string])[] {
  const { state, desired_state, message, created_at, agent, looked_at, next_look_at } = report;
  const next = next_look_at === undefined ? '' : `, next look ${untilText(next_look_at, now)}`;
  return [
    ['Phase', report.phase],
    ['Ready', `${readyText(report)}${message ? `, ${message}` : ''}`],
    ['State', state === desired_state ? state : `${state}, declared ${desired_state ?? 'nowhere'}`],
    ['Declared in', placeOf(report)],
    ['Source', report.source ?? ''],
    ['Image', report.image ?? ''],
    ['Workspace', report.workspace ?? ''],
    ['Persistent', yesNo(report.persistent)],
    ['Network', report.network ?? ''],
    ['Addresses', [report.ipv4, report.ipv6].filter((each) => each !== undefined).join(', ')],
    ['Agent', agent.exit_code === undefined ? agent.state : `${agent.state} with exit code ${agent.exit_code}`],
    ['Created', created_at === undefined ? '' : `${created_at} (${ageOf(created_at, now)} ago)`],
    ['Looked at', `${ageOf(looked_at, now)} ago${next}`],
  ];
}

function placeOf({ file, line }: SandboxReport): string {
  return file === undefined ? '' : renderPosition({ file, ...(line !== undefined && { line }) });
}

function yesNo(value: boolean | undefined): string {
  if (value === undefined) return '';
  return value ? 'yes' : 'no';
}

function conditionLines(conditions: SandboxReport['conditions'], { now, width }: View): string[] {
  if (conditions.length === 0) return [];
  const rows = conditions.map(({ type, status, reason, message, since }) => [
    type,
    status,
    reason,
    ageOf(since, now),
    message,
  ]);
  const head = ['TYPE', 'STATUS', 'REASON', 'FOR', 'MESSAGE'];
  return renderTable({ head, rows, width: width === undefined ? undefined : width - 2 })
    .trimEnd()
    .split('\n');
}

function block(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${title}:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
