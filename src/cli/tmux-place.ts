import { Problem } from '../base/problem.ts';
import type { StatusReport } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import type { Incus } from '../host/incus/client.ts';
import { builtIn } from '../spec/defaults.ts';
import { connect } from './connect.ts';
import { requireInstance, requireRunning, sandboxOf } from './find-instance.ts';
import type { Io } from './io.ts';
import { tmuxSession, type TmuxPlace } from './show-tmux.ts';

/** Whose session it is. */
export type SessionPlace = Pick<TmuxPlace, 'instance' | 'codeUser'>;

/** Longest that a question to tmux may take, in milliseconds. */
const askMs = 10_000;

/**
 * The session of a container that runs.
 *
 * @throws {Problem} `container.none`, `container.not-running`
 */
export async function requirePlace(io: Io, incus: Incus, name: string): Promise<SessionPlace> {
  const instance = await requireInstance(incus, name, io.signal);
  requireRunning(instance);
  const sandbox = sandboxOf(instance);
  if (sandbox === undefined) return placeOf(instance.name);
  const { sandboxes } = await statusNow(io);
  return placeOf(
    instance.name,
    sandboxes.find((each) => each.name === sandbox),
  );
}

/** What is known of all sandboxes. Whoever answers is let go at once. */
export async function statusNow(io: Io): Promise<StatusReport> {
  await using api = await connect(io, 'read');
  return await api.status();
}

/** Where the session of a container is: with the user of its sandbox, or the usual one where nothing is known of it. */
export function placeOf(instance: string, report?: SandboxReport): SessionPlace {
  const { codeUid, codeUser } = builtIn.incus;
  return { instance, codeUser: { uid: report?.code_uid ?? codeUid, name: report?.code_user ?? codeUser } };
}

/** What a script for tmux is to do. */
export interface TmuxScript {
  /** Shell text; its first argument is the session, and a failure to find that ends it with {@link noSession}. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly stdin?: string;
}

/** Goes before every script. */
const find = 'session=$1; shift; tmux has-session -t "=$session" </dev/null 2>/dev/null || exit 113\n';

/** Exit code of a script whose session is not there. */
const noSession = 113;

/**
 * Run a script beside the tmux session of an agent, as its user.
 *
 * @returns what it printed
 * @throws {Problem} `tmux.no-session`, and `tmux.failed` with what tmux said
 */
export async function runBesideTmux(
  incus: Incus,
  { instance, codeUser: { uid } }: SessionPlace,
  { script, args = [], stdin, signal }: TmuxScript & { readonly signal: AbortSignal },
): Promise<string> {
  const session = tmuxSession(instance);
  const argv = ['sh', '-c', `${find}${script}`, 'sh', session, ...args];
  const options = { uid, gid: uid, cwd: '/', timeoutMs: askMs, signal, ...(stdin !== undefined && { stdin }) };
  const { exitCode, stdout, stderr } = await incus.exec.run(instance, argv, options);
  if (exitCode === 0) return stdout.toString('utf8');
  if (exitCode === noSession) throw none(instance, session);
  throw new Problem({
    code: 'tmux.failed',
    message: `tmux in ${instance} failed: ${stderr.toString('utf8').trim().slice(0, 500) || `exit code ${exitCode}`}`,
    hint: `Look at what it shows: coi attach ${instance}. For a shell beside it: coi attach ${instance} --bash`,
  });
}

function none(instance: string, session: string): Problem {
  return new Problem({
    code: 'tmux.no-session',
    message: `${instance} runs, and has no tmux session ${session}`,
    hint: 'Those that have one: coi tmux list. An agent is started with: coi shell --background',
  });
}
