import type { CleanReport, ControlApi, OrphanReport, OrphansReport } from '../controller/control-api.ts';
import { confirmed } from './confirm.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { plural } from './plural.ts';
import { jsonText, printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Flags of `coi clean`. */
interface CleanOptions {
  readonly orphans?: boolean;
  readonly sharedRule?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly format?: string;
}

/** Lines of one kind that are shown; all are in the JSON. */
const mostLines = 20;

/** `coi clean` */
export const clean: Verb = async ({ io, options }) => {
  const { orphans, sharedRule = false, format, ...how } = options as CleanOptions;
  if (orphans !== true) {
    throw new UsageProblem('clean has to be told what to clean', 'What there is: coi clean --orphans [--dry-run]');
  }
  await using api = await connect(io, 'write');
  const found = await withProgress(io, 'Looking for what belongs to nobody', () => api.orphans());
  const wanted = found.orphans.filter(({ shared }) => sharedRule || shared !== true);
  if (format !== 'json') show(io, found, wanted);
  const done = (await isWished(io, how, wanted.length)) ? await remove(api, io, wanted) : nothingDone;
  const problems = [...found.problems, ...done.problems];
  if (format === 'json') io.stdout.write(jsonText({ ...found, ...(done !== nothingDone && done), problems }));
  else if (done !== nothingDone) showOutcome(io, done);
  return problems.length + done.left.length === 0 ? exitCodes.done : exitCodes.failed;
};

const nothingDone: CleanReport = { removed: [], left: [], problems: [] };

async function isWished(io: Io, { dryRun, yes }: CleanOptions, count: number): Promise<boolean> {
  if (dryRun === true || count === 0) return false;
  return yes === true || ask(io, count);
}

function remove(api: ControlApi, io: Io, wanted: readonly OrphanReport[]): Promise<CleanReport> {
  const ids = wanted.map(({ id }) => id);
  return withProgress(io, 'Removing', () => api.removeOrphans({ ids, by: whoCalls(io).by }));
}

async function ask(io: Io, count: number): Promise<boolean> {
  const question = `Remove ${count === 1 ? 'it' : `these ${count}`}?`;
  const isAgreed = await confirmed(io, { question, otherwise: 'coi clean --orphans --yes' });
  if (!isAgreed) io.stderr.write('Nothing was removed.\n');
  return isAgreed;
}

function show(io: Io, { orphans, problems }: OrphansReport, wanted: readonly OrphanReport[]): void {
  for (const [kind, all] of Map.groupBy(orphans, (orphan) => orphan.kind)) {
    io.stdout.write(`${kind}\n`);
    for (const { what, why, shared } of all.slice(0, mostLines)) {
      const flag = shared && !wanted.some((orphan) => orphan.shared) ? ' (stays without --shared-rule)' : '';
      io.stdout.write(`  ${printable(what)}${flag}\n    ${printable(why)}\n`);
    }
    if (all.length > mostLines) io.stdout.write(`  … and ${all.length - mostLines} more: --format json has all\n`);
  }
  showProblems(io, problems);
  io.stdout.write(wanted.length === 0 ? 'Nothing to clean\n' : `${plural(wanted.length, 'leftover')}\n`);
}

function showOutcome(io: Io, { removed, left, problems }: CleanReport): void {
  showProblems(io, problems);
  io.stdout.write(`Removed ${removed.length}${left.length > 0 ? `, ${left.length} still there` : ''}\n`);
}

function showProblems(io: Io, problems: OrphansReport['problems']): void {
  for (const { message, hint } of problems) {
    io.stderr.write(`coi: ${printable(message)}${hint === undefined ? '' : `\n  ${printable(hint)}`}\n`);
  }
}
