import type { CopyReport, ForkReport } from '../controller/fork-api.ts';
import { exitCodes } from './failure.ts';
import type { CopyPlace, PlannedWorktrees } from './fork-worktrees.ts';
import type { Io } from './io.ts';
import { jsonText, printable } from './printable.ts';
import { renderTable } from './table.ts';
import type { Call } from './verb.ts';

/** Where the copies are to work. */
interface Places {
  /** Of the original. */
  readonly workspace: string | undefined;
  readonly trees: PlannedWorktrees | undefined;
  /** Whether that was asked for. */
  readonly shared: boolean;
}

/** Say what somebody may not expect of the copies. */
export function noteBefore(io: Io, report: ForkReport, { workspace, trees, shared }: Places): void {
  const { original, held_by: heldBy, driver, pauses, whole } = report;
  const note = (text: string) => io.stderr.write(`${printable(text)}\n`);
  if (workspace !== undefined && !trees) {
    const why = shared ? '' : ', which is no Git repository';
    note(`All of them work in the same directory as the original: ${workspace}${why}`);
  }
  if (heldBy !== undefined) note(`${original} is held still (${heldBy}): its copies are stopped`);
  if (whole) note(`The storage pool's driver "${driver}" copies every file: that takes time and space for each copy`);
  if (pauses) note(`${original} stands still while its files are copied`);
}

/** Show what was made; what was not, on stderr. @returns the exit code */
export function showCopies(
  { io, options }: Call,
  report: ForkReport,
  trees: Pick<PlannedWorktrees, 'places'> | undefined,
): number {
  const copies = report.copies.map((copy, at) => ({ ...copy, ...branchOf(trees, at) }));
  if (options['format'] === 'json') io.stdout.write(jsonText({ ...report, copies }));
  else {
    const made = copies.filter(({ failure }) => failure === undefined);
    if (made.length > 0) io.stdout.write(renderTable({ head, rows: made.map(rowOf) }));
  }
  if (report.held_by === undefined) {
    for (const { instance } of copies.filter(({ state, failure }) => state === 'stopped' && failure === undefined)) {
      io.stderr.write(`${printable(instance)} is not to run now. The reason: coi why ${printable(instance)}\n`);
    }
  }
  const failed = copies.filter(({ failure }) => failure !== undefined);
  for (const each of failed) {
    const place = trees?.places.find(({ workspace }) => workspace === each.workspace);
    io.stderr.write(failureText(each, place));
  }
  return failed.length === 0 ? exitCodes.done : exitCodes.failed;
}

const head = ['CONTAINER', 'STATE', 'IPV4', 'BRANCH', 'WORKSPACE'];

type Shown = CopyReport & { readonly branch?: string };

function branchOf(trees: Pick<PlannedWorktrees, 'places'> | undefined, at: number): Pick<Shown, 'branch'> {
  const branch = trees?.places[at]?.branch;
  return branch === undefined ? {} : { branch };
}

function rowOf({ instance, state, ipv4, branch, workspace }: Shown): string[] {
  return [instance, state, ipv4 ?? '-', branch ?? '-', workspace ?? '-'].map(printable);
}

function failureText({ name, instance, failure = '' }: Shown, place: CopyPlace | undefined): string {
  const lines = [`coi: ${instance} could not be made: ${failure}`, `  What was tried: coi events ${name}`];
  if (place) {
    lines.push(`  Its worktree stays: ${place.workspace} on branch ${place.branch}`);
    lines.push(`  Look at what is in it, then: ${place.removal}`);
  }
  return lines.map((line) => `${printable(line)}\n`).join('');
}
