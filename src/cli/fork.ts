import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { ForkReport, ForkRequest } from '../controller/fork-api.ts';
import { declaredName } from '../spec/schema/formats.ts';
import { connect } from './connect.ts';
import { findContainer } from './end-containers.ts';
import { planWorktrees, type PlannedWorktrees } from './fork-worktrees.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { noteBefore, showCopies } from './render-fork.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Flags of `coi fork`. */
interface ForkOptions {
  readonly number?: number;
  readonly shared?: boolean;
}

/** Many more than anybody looks after. */
const mostCopies = 100;

/** `coi fork`: worktrees first, as the user whose they are; then the controller makes the copies. */
export const fork: Verb = async (call) => {
  const { io, args } = call;
  const { number = 1, shared = false } = call.options as ForkOptions;
  const names = copyNames(args[1] ?? '', number);
  await using api = await connect(io, 'write');
  const found = findContainer(await api.status(), args[0] ?? '');
  if (!found) throw noContainer(args[0] ?? '');
  const { workspace } = found;
  const look = async () => (workspace && !shared ? planWorktrees(workspace, names, io.signal) : undefined);
  const trees = await withProgress(io, 'Looking at the repository', look);
  const copies = names.map((name, at) => ({ name, ...placeOf(trees, at) }));
  const request = { ...whoCalls(io), name: found.name, copies };
  noteBefore(io, await api.fork({ ...request, onlyCheck: true }), { workspace, trees, shared });
  if (trees) await withProgress(io, 'Making worktrees', trees.make);
  const report = await withProgress(io, `Copying ${found.instance}`, () => makeCopies(api, io, { request, trees }));
  return showCopies(call, report, trees);
};

function placeOf(trees: PlannedWorktrees | undefined, at: number): { workspace?: string; hash?: string } {
  const { workspace, hash } = trees?.places[at] ?? {};
  return workspace === undefined || hash === undefined ? {} : { workspace, hash };
}

/** What nobody works in is of no use. Without that certainty copies may stand, and what is in their worktrees is somebody's. */
async function makeCopies(
  api: ControlApi,
  io: Io,
  { request, trees }: { readonly request: ForkRequest; readonly trees: PlannedWorktrees | undefined },
): Promise<ForkReport> {
  try {
    return await api.fork(request);
  } catch (error) {
    if (!trees) throw error;
    if (error instanceof Problem && error.code === 'fork.undeclared') throw await trees.removeAfter(error);
    const paths = trees.places.map(({ workspace }) => printable(workspace)).join(', ');
    io.stderr.write(`Copies may have been made, so their worktrees stay: ${paths}\n`);
    throw error;
  }
}

function copyNames(name: string, number: number): string[] {
  if (number > mostCopies) {
    throw new UsageProblem(`${number} copies are too many`, `At most ${mostCopies} are made at once`);
  }
  const names = number === 1 ? [name] : Array.from({ length: number }, (_, at) => `${name}-${at + 1}`);
  const wrong = names.find((each) => !declaredName.safeParse(each).success);
  if (wrong === undefined) return names;
  throw new UsageProblem(
    `${JSON.stringify(wrong.slice(0, 80))} is no name for a copy`,
    'Use up to 59 lower-case letters, digits and dashes; not what looks like a session, such as 0123abcd-1',
  );
}

function noContainer(name: string): Problem {
  return new Problem({
    code: 'session.none',
    message: `There is no container ${JSON.stringify(name.slice(0, 80))} of coi`,
    hint: 'See them with: coi list',
  });
}
