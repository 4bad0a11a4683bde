import { isIncusError } from '../host/incus/errors.ts';
import type { StartedOperation } from '../host/incus/operation.ts';
import { workspacePath } from '../plan/render-instance.ts';
import type { Action } from '../plan/step.ts';
import type { Hands, Task } from './hands.ts';

/**
 * Runs inside, as the code user: starts the agent in a tmux session of its own unless it is there, and waits for its end,
 * so that the exec operation ends when the agent does, with its exit code. When the agent ends, its window goes on with a
 * shell for people to look around. Arguments are positional: nothing of a manifest is ever read as shell text.
 */
const supervise = `
session=$1 dir=$2 again=$3 HOME=$4; shift 4
export HOME TERM=xterm-256color LANG=C.UTF-8 IS_SANDBOX=1
status=\${XDG_RUNTIME_DIR:-/tmp}/$session.status
[ -d "$dir" ] || dir=$HOME
# Until a booting system has set up /tmp and its users, what is put there is swept away again.
tries=300
case $(readlink -f /sbin/init) in
  */systemd)
    until systemctl is-system-running 2>/dev/null | grep -Eqx 'running|degraded' || [ $((tries -= 1)) -le 0 ]; do
      sleep 0.2
    done ;;
esac
if [ "$again" = again ]; then tmux kill-session -t "=$session" 2>/dev/null; fi
if ! tmux has-session -t "=$session" 2>/dev/null; then
  rm -f "$status"
  tmux new-session -d -s "$session" -c "$dir" sh -c '
    status=$1 session=$2; shift 2
    trap : INT
    "$@"; code=$?
    echo "$code" >"$status.new"; mv "$status.new" "$status"
    tmux wait-for -S "$session-ended"
    printf "\\nThe agent ended with exit code %s.\\n" "$code"
    exec "$(command -v bash || echo sh)"
  ' sh "$status" "$session" "$@" || exit 125
fi
until [ -e "$status" ]; do
  tmux has-session -t "=$session" 2>/dev/null || exit 143
  tmux wait-for "$session-ended" || exit 143
done
exit "$(cat "$status")"
`;

/** Word by which a supervisor that a former controller started is found again. */
const marker = 'coi-agent';

/** Start the agent of a running sandbox, or find the one that runs; its end is noted and its sandbox looked at again. */
export async function startAgent(task: Task, { manifest, restart }: Extract<Action, { kind: 'agent' }>): Promise<void> {
  const { hands, step, signal } = task;
  const uid = step.precondition.uid ?? '';
  const { codeUser, tool, prompt } = manifest.sandbox;
  const session = `coi-${step.instance}`;
  const agent = [...(tool.command ?? []), ...(prompt === undefined ? [] : [prompt])];
  const home = `/home/${codeUser.name}`;
  const command = ['sh', '-c', supervise, marker, session, workspacePath, restart ? 'again' : 'once', home, ...agent];
  const running = restart ? undefined : await findSupervisor(task);
  const place = { uid: codeUser.uid, gid: codeUser.uid, cwd: '/', signal };
  const operation = running ?? (await hands.incus.exec.start(step.instance, command, place));
  hands.agents.started(uid);
  void watchEnd(task, uid, operation);
}

async function findSupervisor({ hands, step, signal }: Task): Promise<StartedOperation | undefined> {
  const operations = await hands.incus.operations.running({ signal });
  const found = operations.find(
    ({ instances, metadata }) => instances.includes(step.instance) && asTexts(metadata['command']).includes(marker),
  );
  return found && { operation: found, what: `run the agent of "${step.instance}"`, startedAt: -Infinity };
}

function asTexts(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Before an agent that was lost sight of is looked for again, in milliseconds: what cannot be seen must not be asked for ever. */
const lostMs = 1_000;

/** Notes how an agent ended. Losing sight of it (incusd restarted) is no end: it is looked for again. */
async function watchEnd({ hands, sandbox }: Task, uid: string, operation: StartedOperation): Promise<void> {
  const { agents, clock, lifetime } = hands;
  const exitCode = await exitCodeOf(hands, operation);
  if (exitCode === undefined) {
    agents.lost(uid);
    // Rejects only because the controller ends.
    await clock.sleep(lostMs, lifetime).catch(() => undefined);
  } else agents.ended(uid, exitCode);
  if (!lifetime.aborted) hands.lookAgain(sandbox);
}

/** Undefined when nobody can tell. A program that cannot be run is a failed operation, and has its exit code all the same. */
async function exitCodeOf({ incus, lifetime }: Hands, operation: StartedOperation): Promise<number | undefined> {
  try {
    const outcome = await incus.operations.wait(operation, { timeoutMs: Infinity, signal: lifetime });
    const code = outcome.kind === 'unknown' ? undefined : outcome.metadata['return'];
    return typeof code === 'number' ? code : undefined;
  } catch (error) {
    if (lifetime.aborted || isIncusError(error, 'transient', 'unknown-outcome', 'gone')) return undefined;
    throw error;
  }
}
