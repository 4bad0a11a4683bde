import { Problem } from '../base/problem.ts';
import type { SandboxReport } from '../controller/report.ts';
import type { Incus } from '../host/incus/client.ts';
import { workspacePath } from '../spec/workspace-path.ts';
import { builtIn } from '../spec/defaults.ts';
import { connect } from './connect.ts';
import { findContainer } from './end-containers.ts';
import { exitCodes } from './failure.ts';
import { showInside } from './inside-terminal.ts';
import type { Io } from './io.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { endShown, savedWhere } from './session-end.ts';
import { endOfProgram, showSession, type ShownEnd } from './show-agent.ts';
import { hasTmux, type TmuxPlace } from './show-tmux.ts';

/** What to show of a container. */
export interface AttachHow {
  /** A shell of its own in place of the agent. */
  readonly bash?: boolean;
}

/** Show what runs in a container of coi in this terminal. @throws {Problem} `session.none`, `session.not-running` */
export async function attachNamed(io: Io, name: string, { bash = false }: AttachHow = {}): Promise<number> {
  const found = await findNamed(io, name);
  if (!found) throw noContainer(name);
  requireRunning(found);
  await using incus = await openOwnIncus(io);
  const { instance } = found;
  const place = { instance, codeUser: userOf(found), workspace: found.workspace_inside ?? workspacePath };
  if (!bash && !(await hasTmux(incus, place))) {
    io.stderr.write(`No tmux session runs in ${instance}. For a shell in it: coi attach ${instance} --bash\n`);
    return exitCodes.done;
  }
  const saved = savedWhere(io, found.tool);
  const end = bash ? await showShell(io, incus, place) : await showSession(io, incus, place);
  return endShown(io, { name: found.name, instance, isKept: found.persistent === true, ...saved, ...end });
}

/** Whoever answers is let go before anything is shown: without a controller nobody else could do its work meanwhile. */
async function findNamed(io: Io, name: string): Promise<SandboxReport | undefined> {
  await using api = await connect(io, 'read');
  return findContainer(await api.status(), name);
}

function userOf({ code_uid: uid = builtIn.incus.codeUid, code_user: name = builtIn.incus.codeUser }: SandboxReport) {
  return { uid, name };
}

async function showShell(io: Io, incus: Incus, { instance, codeUser, workspace }: TmuxPlace): Promise<ShownEnd> {
  const { uid, name } = codeUser;
  const argv = ['sh', '-c', shellInside];
  return endOfProgram(await showInside(io, incus, { instance, argv, uid, home: `/home/${name}`, cwd: workspace }));
}

/** Images have one of the two. */
const shellInside = 'if command -v bash >/dev/null 2>&1; then exec bash; fi; exec sh';

function noContainer(name: string): Problem {
  return new Problem({
    code: 'session.none',
    message: `There is no container ${JSON.stringify(name.slice(0, 80))} of coi`,
    hint: 'See them with: coi list',
  });
}

function requireRunning({ instance, state }: SandboxReport): void {
  if (state === 'running') return;
  throw new Problem({
    code: 'session.not-running',
    message: `${instance} is not running, but ${state}`,
    hint: state === 'frozen' ? `Let it go on: coi resume ${instance}` : 'Start it again: coi shell',
  });
}
