import type { HostReport, SourceReport, StatusReport } from '../controller/control-api.ts';
import type { ImageReport } from '../controller/image-record.ts';
import type { Phase, SandboxReport } from '../controller/report.ts';
import { ageOf } from './ages.ts';
import { problemText } from './find-sandbox.ts';
import { plural } from './plural.ts';
import type { Paint, Style } from './style.ts';
import { renderTable } from './table.ts';

/** What rendering needs besides the report. */
export interface View {
  readonly paint: Paint;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Width to fit into; endless when undefined. */
  readonly width: number | undefined;
}

const phaseStyles: Readonly<Record<Phase, Style>> = {
  Current: 'green',
  InProgress: 'yellow',
  Failed: 'red',
  Terminating: 'yellow',
  Unknown: 'dim',
};

/** Everything at a glance. The report must be printable already. */
export function renderStatus({ sandboxes, sources, images, host }: StatusReport, view: View): string {
  const parts = [renderSandboxes(sandboxes, view), renderSources(sources, view), renderHost(host, view)];
  if (images.length > 0) parts.splice(1, 0, renderImages(images, view));
  return parts.join('\n');
}

/** A line for each image that is declared. */
function renderImages(images: readonly ImageReport[], { paint, now, width }: View): string {
  const rows = images.map(({ name, ready, reason, built_at, message }) => [
    name,
    paint(ready ? 'green' : reason === 'Building' || reason === 'Queued' ? 'yellow' : 'red', reason),
    built_at === undefined ? '-' : `${ageOf(built_at, now)} ago`,
    message,
  ]);
  return renderTable({ head: ['IMAGE', 'STATE', 'BUILT', 'MESSAGE'], rows, width });
}

/** A line for each sandbox. */
export function renderSandboxes(sandboxes: readonly SandboxReport[], { paint, now, width }: View): string {
  if (sandboxes.length === 0) return 'No sandboxes\n';
  const rows = sandboxes.map(({ name, phase, state, ready, conditions, message, created_at }) => [
    name,
    paint(phaseStyles[phase], phase),
    state,
    readyText({ ready, conditions }),
    ageOf(created_at, now),
    message,
  ]);
  return renderTable({ head: ['SANDBOX', 'PHASE', 'STATE', 'READY', 'AGE', 'MESSAGE'], rows, width });
}

/** Whether a sandbox is ready, in a word; who may not see everything may not know. */
export function readyText({
  ready,
  conditions,
}: Pick<SandboxReport, 'ready' | 'conditions'>): 'yes' | 'no' | 'unknown' {
  if (ready) return 'yes';
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'Unknown') ? 'unknown' : 'no';
}

function renderSources(sources: readonly SourceReport[], { paint, now, width }: View): string {
  if (sources.length === 0) return 'No sources\n';
  const rows = sources.map(({ path, state, sandboxes, read_at }) => [
    paint(state === 'complete' ? 'green' : 'red', state),
    String(sandboxes),
    `${ageOf(read_at, now)} ago`,
    path,
  ]);
  const problems = sources.flatMap((source) => source.problems.map((problem) => `  ${problemText(problem)}\n`));
  return renderTable({ head: ['READ', 'SANDBOXES', 'AGE', 'SOURCE'], rows, width }) + problems.join('');
}

function renderHost(host: HostReport, { paint }: View): string {
  const mark = (isGood: boolean, text: string) => paint(isGood ? 'green' : 'red', text);
  const facts = [
    host.controller === 'running' ? `controller running (v${host.version})` : 'no controller, answered by this command',
    `network ${host.network === 'unknown' ? paint('dim', 'unknown') : mark(host.network === 'ready', host.network)}`,
    `Incus ${mark(host.incus === 'up', host.incus)}`,
    ...(host.metrics ? [`metrics ${host.metrics}`] : []),
  ];
  const count = host.held.length;
  return [
    `Host: ${facts.join(', ')}\n`,
    ...host.problems.map((problem) => `  ${problemText(problem)}\n`),
    ...host.unmanaged.map(({ name, why }) => `  Not ours: ${name} (${why})\n`),
    ...host.orphans.map((name) => `  Left over, about to be removed: ${name}\n`),
    ...(count > 0
      ? [
          `  Held back: ${plural(count, 'deletion')} (${host.held.join(', ')}). If meant: coi apply --confirm-deletes ${count}\n`,
        ]
      : []),
  ].join('');
}
