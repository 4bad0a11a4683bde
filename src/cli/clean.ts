import type { ControlApi } from '../controller/control-api.ts';
import type { ProblemReport } from '../controller/report.ts';
import { findStopped } from './clean-containers.ts';
import { findOrphans } from './clean-orphans.ts';
import type { CleanEnd, CleanPart } from './clean-part.ts';
import { findSaved } from './clean-sessions.ts';
import { openQuestions } from './confirm.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import type { ToolFlags } from './meant-tool.ts';
import { jsonText, printable } from './printable.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';

/** Flags of `coi clean`. */
interface CleanOptions extends ToolFlags {
  readonly all?: boolean;
  readonly sessions?: boolean;
  readonly orphans?: boolean;
  readonly sharedRule?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly format?: string;
}

/** `coi clean`: lists and asks for one kind of thing after the other; a "no" ends it. */
export const clean: Verb = async ({ io, options }) => {
  const asked = options as CleanOptions;
  requireOrphans(asked);
  await using api = await connect(io, 'write');
  const done = await cleanParts(api, io, asked);
  const problems = done.flatMap(({ part, end }) => [...part.problems, ...(end?.problems ?? [])]);
  if (asked.format === 'json') {
    io.stdout.write(
      jsonText({ ...Object.assign({}, ...done.map(({ part, end }) => ({ ...part.json, ...end?.json }))), problems }),
    );
  } else showOutcome(io, asked, done);
  const isDone = problems.length === 0 && done.every(({ end }) => (end?.left ?? 0) === 0);
  return isDone ? exitCodes.done : exitCodes.failed;
};

/** What was found, and what came of it where it was to be removed. */
interface Cleaned {
  readonly part: CleanPart;
  readonly end: CleanEnd | undefined;
}

/** One part after the other, up to the one that is not to be removed. */
async function cleanParts(api: ControlApi, io: Io, asked: CleanOptions): Promise<readonly Cleaned[]> {
  const done: Cleaned[] = [];
  const isMeant = asked.force === true || asked.yes === true;
  using questions = openQuestions(io);
  for (const find of partsOf(asked)) {
    const part = await find(api, io);
    if (asked.format !== 'json') show(io, part);
    const isWished = part.count > 0 && asked.dryRun !== true;
    const isCancelled = isWished && !isMeant && !(await questions.ask(part.question));
    done.push({ part, end: isWished && !isCancelled ? await part.remove() : undefined });
    if (!isCancelled) continue;
    io.stderr.write('Cancelled\n');
    break;
  }
  return done;
}

type Find = (api: ControlApi, io: Io) => Promise<CleanPart>;

/** By itself it would delete something else than it says. */
function requireOrphans({ all, orphans, sharedRule }: CleanOptions): void {
  if (!sharedRule || all || orphans) return;
  throw new UsageProblem('--shared-rule goes with --orphans', 'Example: coi clean --orphans --shared-rule');
}

/** Without flags what is stopped; `--orphans` and `--sessions` alone look for nothing else. */
function partsOf(asked: CleanOptions): Find[] {
  const { all = false, orphans = false, sessions = false, sharedRule = false } = asked;
  return [
    ...(all || !(orphans || sessions) ? [(api: ControlApi, io: Io) => findStopped(api, io, all)] : []),
    ...(all || sessions ? [(_: ControlApi, io: Io) => findSaved(io, asked)] : []),
    ...(all || orphans ? [(api: ControlApi, io: Io) => findOrphans(api, io, sharedRule)] : []),
  ];
}

function show(io: Io, part: CleanPart): void {
  part.show();
  showProblems(io, part.problems);
}

function showOutcome(io: Io, { dryRun }: CleanOptions, done: readonly Cleaned[]): void {
  const ends = done.flatMap(({ end }) => end ?? []);
  if (done.every(({ part }) => part.count === 0)) {
    io.stdout.write('Nothing to clean\n');
    return;
  }
  if (dryRun === true || ends.length === 0) return;
  for (const end of ends) showProblems(io, end.problems);
  const sum = (key: 'removed' | 'left') => ends.reduce((total, end) => total + end[key], 0);
  io.stdout.write(`Removed ${sum('removed')}${sum('left') > 0 ? `, ${sum('left')} still there` : ''}\n`);
}

function showProblems(io: Io, problems: readonly ProblemReport[]): void {
  for (const { message, hint } of problems) {
    io.stderr.write(`coi: ${printable(message)}${hint === undefined ? '' : `\n  ${printable(hint)}`}\n`);
  }
}
