import type { StatusReport } from '../controller/control-api.ts';
import type { ConditionReport, SandboxReport } from '../controller/report.ts';
import { ageOf, untilText } from './ages.ts';
import { connect } from './connect.ts';
import { problemText, requireSandbox } from './find-sandbox.ts';
import { jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import { stepText } from './render-sandbox.ts';
import { readyText } from './render-status.ts';
import type { Verb } from './verb.ts';

/** `coi why` */
export const why: Verb = async ({ io, args: [name], options }) => {
  await using api = await connect(io, 'read');
  const report = await withProgress(io, 'Asking what holds it', () => api.status());
  const sandbox = requireSandbox(report, name!);
  const answer = answerOf(report, sandbox);
  const text = () => render(printableReport(answer), readinessOf(sandbox), io.clock.now());
  io.stdout.write(options['format'] === 'json' ? jsonText(answer) : text());
  return 0;
};

/** What holds a sandbox, as JSON output has it. */
interface Answer {
  readonly name: string;
  readonly ready: boolean;
  readonly phase: string;
  /** RFC 3339. */
  readonly since?: string;
  readonly reason?: string;
  readonly message: string;
  /** What to do; absent when the controller goes on by itself. */
  readonly hint?: string;
  /** The step that is tried next. */
  readonly step?: SandboxReport['steps'][number];
  readonly next_look_at?: string;
  /** Everything else that is out of the ordinary. */
  readonly also: readonly ConditionReport[];
  /** What is wrong with the host or with the manifest's source. */
  readonly problems: readonly string[];
  readonly file?: string;
  readonly line?: number;
}

const usual: Readonly<Record<string, string>> = { Ready: 'True', Healthy: 'True' };

function answerOf(report: StatusReport, sandbox: SandboxReport): Answer {
  const { name, ready, phase, message, conditions, steps, failure, next_look_at } = sandbox;
  const stalled = conditions.find(({ type, status }) => type === 'Stalled' && status === 'True');
  const main = stalled ?? conditions.find(({ type }) => type === 'Ready');
  return {
    name,
    ready,
    phase,
    message: failure?.message ?? main?.message ?? message,
    ...(main && { since: main.since, reason: main.reason }),
    ...(failure?.hint !== undefined && { hint: failure.hint }),
    ...(steps[0] && { step: steps[0] }),
    ...(next_look_at !== undefined && { next_look_at }),
    also: conditions.filter((each) => each !== main && isOdd(each)),
    problems: [...report.host.problems.filter(isAbout(sandbox.name)), ...sourceProblems(report, sandbox)].map(
      problemText,
    ),
    ...placeOf(sandbox),
  };
}

function isOdd({ type, status }: ConditionReport): boolean {
  return type !== 'Ready' && (usual[type] ?? 'False') !== status;
}

function placeOf({ file, line }: SandboxReport): Pick<Answer, 'file' | 'line'> {
  return { ...(file !== undefined && { file }), ...(line !== undefined && { line }) };
}

/** Problems of the host that name no sandbox, or this one. */
function isAbout(name: string): (problem: StatusReport['host']['problems'][number]) => boolean {
  return ({ message }) => !/sandbox "/.test(message) || message.includes(`sandbox "${name}"`);
}

function sourceProblems({ sources }: StatusReport, { source }: SandboxReport): StatusReport['host']['problems'] {
  return sources.filter(({ id, state }) => id === source && state !== 'complete').flatMap(({ problems }) => problems);
}

function readinessOf(sandbox: SandboxReport): string {
  return { yes: 'ready', no: 'not ready', unknown: 'not known to be ready' }[readyText(sandbox)];
}

function render(answer: Answer, readiness: string, now: number): string {
  const { name, ready, phase, since, reason, message, hint, step, next_look_at, also, problems, file, line } = answer;
  const lasting = since === undefined ? '' : ` for ${ageOf(since, now)}`;
  const lines = [
    `${name}: ${readiness}${ready ? '' : ` (${phase})`}${lasting}`,
    `  ${message}${reason === undefined ? '' : ` (${reason})`}`,
    ...(hint === undefined ? [] : [`  To do: ${hint}`]),
    ...(step ? [`  Next step: ${stepText(step)}`] : []),
    ...(next_look_at === undefined ? [] : [`  Next look: ${untilText(next_look_at, now)}`]),
    ...also.map(
      (each) => `  ${each.type} is ${each.status} for ${ageOf(each.since, now)}: ${each.message} (${each.reason})`,
    ),
    ...problems.map((problem) => `  Problem: ${problem}`),
    ...(file === undefined ? [] : [`  Declared in ${file}${line === undefined ? '' : `:${line}`}`]),
  ];
  return lines.map((text) => `${text}\n`).join('');
}
