import type { ControlApi, StatusReport } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import type { ApplyOptions } from './apply.ts';
import { awaitStatus, usualTimeoutMs } from './await-status.ts';
import { exitCodes, planExitCodes } from './failure.ts';
import { problemText } from './find-sandbox.ts';
import { plural } from './plural.ts';
import { jsonText, printable, printableReport } from './printable.ts';
import { renderSandboxes } from './render-status.ts';
import { sortStatus } from './sort-status.ts';
import { viewOf } from './status.ts';
import type { Call } from './verb.ts';

/** Which sandboxes a command is about. */
export type Scope = { readonly kind: 'all' } | { readonly kind: 'names'; readonly names: readonly string[] };

/** Wait if that was asked for, then show how things stand. @returns the exit code */
export async function settle(api: ControlApi, call: Call, scope: Scope): Promise<number> {
  const { wait, timeout = usualTimeoutMs } = call.options as ApplyOptions;
  const report = wait ? await awaitReady(api, call, { scope, timeoutMs: timeout }) : await api.status();
  return show(call, sortStatus(report), scope);
}

function awaitReady(
  api: ControlApi,
  { io }: Call,
  { scope, timeoutMs }: { readonly scope: Scope; readonly timeoutMs: number },
): Promise<StatusReport> {
  return awaitStatus(api, io, {
    what: 'Waiting until everything is as declared',
    timeoutMs,
    missing: (report) => [
      ...namesMissing(report, scope),
      ...within(report, scope)
        .filter((each) => !isSettled(each))
        .map((each) => `${each.name}: ${each.message}`)
        .toSorted(),
    ],
    hopeless: (report) => {
      const open = within(report, scope).filter((each) => !isSettled(each));
      // As long as one of them still moves, the others may depend on it.
      return open.length > 0 && open.every(isStalled) ? open.map((each) => `${each.name}: ${each.message}`) : [];
    },
  });
}

function within({ sandboxes }: StatusReport, scope: Scope): readonly SandboxReport[] {
  return scope.kind === 'all' ? sandboxes : sandboxes.filter(({ name }) => scope.names.includes(name));
}

function namesMissing({ sandboxes }: StatusReport, scope: Scope): readonly string[] {
  if (scope.kind === 'all') return [];
  return scope.names
    .filter((name) => !sandboxes.some((each) => each.name === name))
    .map((name) => `${name}: not seen by the controller yet`);
}

/** As declared, or left as it is by a person's wish: nothing more happens to those by itself. */
function isSettled({ ready, conditions }: SandboxReport): boolean {
  return ready || conditions.some(isLeftAlone);
}

function isLeftAlone({ type, status, reason }: SandboxReport['conditions'][number]): boolean {
  if (type === 'Suspended') return status === 'True';
  return type === 'Pruning' && status === 'False' && reason !== 'Grace';
}

function isStalled({ conditions }: SandboxReport): boolean {
  return conditions.some(({ type, status }) => type === 'Stalled' && status === 'True');
}

function show({ io, options }: Call, report: StatusReport, scope: Scope): number {
  const sandboxes = within(report, scope);
  const { held } = report.host;
  const problems = scope.kind === 'all' ? report.sources.flatMap((source) => source.problems) : [];
  if (options['format'] === 'json') {
    io.stdout.write(jsonText({ sandboxes, held, problems }));
  } else {
    io.stdout.write(renderSandboxes(printableReport(sandboxes), viewOf(io)));
    for (const problem of problems) io.stderr.write(`coi: ${printable(problemText(problem))}\n`);
    if (held.length > 0) io.stderr.write(`coi: ${heldText(held)}\n`);
  }
  // What the guard holds is stalled as well, and has an exit code of its own.
  const isFailed = ({ name, phase }: SandboxReport) => phase === 'Failed' && !held.includes(name);
  if (problems.length > 0 || sandboxes.some(isFailed)) return exitCodes.failed;
  return scope.kind === 'all' && held.length > 0 ? planExitCodes.guard : exitCodes.done;
}

function heldText(held: readonly string[]): string {
  const names = held.map(printable).join(', ');
  return `the guard holds back ${plural(held.length, 'deletion')}: ${names}\n  If meant: coi apply --confirm-deletes ${held.length}`;
}
