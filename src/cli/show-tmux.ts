import { statusPath } from '../apply/agent-scripts.ts';
import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import { showInside } from './inside-terminal.ts';
import type { Io } from './io.ts';

/** Longest look for a tmux session, in milliseconds. */
const lookMs = 5_000;

/** Longest wait for a system that boots, in milliseconds. */
const bootMs = 90_000;

/** Whose tmux session is meant. */
export interface TmuxPlace {
  readonly instance: string;
  readonly codeUser: Sandbox['codeUser'];
  /** Where the workspace appears inside. */
  readonly workspace: string;
}

/**
 * Waits for a tmux session whose system may be booting yet, or for the end of its agent, then runs the rest. Arguments: the
 * session, the home, and the rest.
 */
const whenThere = `
session=$1 HOME=$2 tries=600; shift 2
export HOME
${statusPath}
until tmux has-session -t "=$session" 2>/dev/null || [ -e "$status" ] || [ $((tries -= 1)) -le 0 ]; do sleep 0.1; done
exec "$@"
`;

function onceThere({ instance, codeUser }: TmuxPlace, argv: readonly string[]): string[] {
  const session = tmuxSession(instance);
  return ['sh', '-c', whenThere, 'sh', session, `/home/${codeUser.name}`, ...argv];
}

/** What runs inside goes on when this ends. @returns the exit code of tmux */
export function showTmux(io: Io, incus: Incus, place: TmuxPlace): Promise<number> {
  const { instance, codeUser, workspace } = place;
  const argv = onceThere(place, ['tmux', 'attach-session', '-t', `=${tmuxSession(instance)}`]);
  const { uid, name } = codeUser;
  return showInside(io, incus, { instance, argv, uid, home: `/home/${name}`, cwd: workspace });
}

/** Wait until the agent's tmux session is there. @throws {Problem} `session.no-agent` when it never will be */
export async function untilTmux(incus: Incus, place: TmuxPlace, signal: AbortSignal): Promise<void> {
  const { instance, codeUser } = place;
  const argv = onceThere(place, ['tmux', 'has-session', '-t', `=${tmuxSession(instance)}`]);
  const options = { uid: codeUser.uid, gid: codeUser.uid, cwd: '/', timeoutMs: bootMs, signal };
  if ((await incus.exec.run(instance, argv, options)).exitCode === 0) return;
  throw new Problem({
    code: 'session.no-agent',
    message: `The agent in ${instance} could not be started in tmux`,
    hint: `What is known of it: coi why ${instance}. The image needs tmux.`,
  });
}

/** Whether a container has the tmux session of an agent. @throws {IncusError} `conflict` when it does not run */
export async function hasTmux(
  incus: Incus,
  { instance, codeUser }: Pick<TmuxPlace, 'instance' | 'codeUser'>,
): Promise<boolean> {
  const argv = ['tmux', 'has-session', '-t', `=${tmuxSession(instance)}`];
  const { uid } = codeUser;
  return (await incus.exec.run(instance, argv, { uid, gid: uid, cwd: '/', timeoutMs: lookMs })).exitCode === 0;
}

/** Name of the tmux session that an agent runs in. */
export function tmuxSession(instance: string): string {
  return `coi-${instance}`;
}
