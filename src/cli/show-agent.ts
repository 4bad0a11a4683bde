import { insideFiles } from '../apply/inside-files.ts';
import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import type { SandboxReport } from '../controller/report.ts';
import { agentStart } from '../session/agent-recipes.ts';
import { homeOf } from '../source/homes.ts';
import { showInside } from './inside-terminal.ts';
import { leaveEnvironment } from './leave-environment.ts';
import type { Io } from './io.ts';
import { openIncusIn } from './open-own-incus.ts';
import { IncusError } from '../host/incus/errors.ts';
import type { ShellStart } from './shell-summary.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import { hasTmux, showTmux, untilTmux, type TmuxPlace } from './show-tmux.ts';

type AgentReport = SandboxReport['agent'];

/** How showing ended. */
export interface ShownEnd {
  readonly exitCode: number;
  /** Whether the agent's tmux session is still there; unknown where that cannot be told. */
  readonly goesOn?: boolean;
}

/** Show the agent of a session in this terminal. */
export async function showAgent(io: Io, shown: ShellStart): Promise<ShownEnd> {
  const { asked, mode } = shown;
  await using incus = openIncusIn(io, asked.settings.incus.project);
  if (mode === 'direct') return endOfProgram(await showDirect(io, incus, shown));
  return await showSession(io, incus, placeOf(shown));
}

/** What ends a program from outside: what it runs in may be on its way down. */
const fromOutside = new Set([129, 137, 143]);

/** How a program ended that shows itself. */
export function endOfProgram(exitCode: number): ShownEnd {
  return { exitCode, goesOn: !fromOutside.has(exitCode) };
}

/** Wait until an agent that nobody looks at is there. */
export async function awaitAgent(io: Io, shown: ShellStart): Promise<void> {
  await using incus = openIncusIn(io, shown.asked.settings.incus.project);
  await untilTmux(incus, placeOf(shown), io.signal);
}

/** Exit codes of an agent of which nothing could be started: each with what it lacks. */
const notStarted: Readonly<Record<number, string>> = {
  125: 'tmux could not make a session for it',
  126: 'its files could not be put into the home directory of the user inside',
  127: 'the image has no tmux or no setsid, or not its program',
};

/** @throws {Problem} `session.no-agent` when the agent could not be started at all: then there is nothing to show */
export async function requireAgent(io: Io, shown: ShellStart, { state, exit_code: code }: AgentReport): Promise<void> {
  const why = notStarted[code ?? 0];
  if (state !== 'ended' || !why) return;
  if (await isThere(io, shown)) return;
  const { instance } = shown.opened;
  throw new Problem({
    code: 'session.no-agent',
    message: `The agent in ${instance} could not be started: ${why}`,
    hint: 'Use an image that has all of it, such as coi. Without tmux: coi shell --tmux=false',
  });
}

/** Whether the agent's tmux session is there. */
export async function isThere(io: Io, shown: ShellStart): Promise<boolean> {
  await using incus = openIncusIn(io, shown.asked.settings.incus.project);
  return await hasTmux(incus, placeOf(shown));
}

function placeOf({ asked: { sandbox }, opened: { instance } }: ShellStart): TmuxPlace {
  return { instance, codeUser: sandbox.codeUser, workspace: workspaceInside(sandbox) };
}

/** Show the tmux session of an agent, and tell whether it goes on afterwards. */
export async function showSession(io: Io, incus: Incus, place: TmuxPlace): Promise<ShownEnd> {
  const exitCode = await showTmux(io, incus, place);
  try {
    return { exitCode, goesOn: await hasTmux(incus, place) };
  } catch (error) {
    // It is on its way down, or its Incus is: looking at the whole container tells.
    if (error instanceof IncusError) return { exitCode };
    throw error;
  }
}

/** The agent right in this terminal. Nobody else starts it, so that what it needs goes in from here. */
async function showDirect(io: Io, incus: Incus, { asked, opened }: ShellStart): Promise<number> {
  const { sandbox, request } = asked;
  const { uid, name } = sandbox.codeUser;
  const { instance } = opened;
  const home = `/home/${name}`;
  const place = { uid, gid: uid, cwd: '/', signal: io.signal };
  const owner = { uid: request.uid, home: await homeOf(request.uid) };
  const { argv, env, files, lack } = await agentStart({
    sandbox,
    owner,
    environment: request.environment ?? {},
    uid: instance,
    inside: insideFiles({ exec: incus.exec, instance, home, user: uid, signal: io.signal }),
    goesOn: sandbox.session?.resumes === true || opened.isJoined === true,
  });
  if (lack) io.stderr.write(`coi: warning: ${lack.message}\n`);
  const left = await leaveEnvironment(incus, instance, { ...place, env, ...(files && { stdin: files }) });
  const program = {
    instance,
    argv: left.become(argv),
    uid,
    home,
    cwd: workspaceInside(sandbox),
  };
  return showInside(io, incus, program);
}
