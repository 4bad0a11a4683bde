import { findChild, processAt, type HostProcess } from '../host/process/container-process.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import type { Action, Launch } from '../plan/step.ts';
import type { AgentStart, InsideFiles } from './agent-recipe.ts';
import { launch, wait } from './agent-scripts.ts';
import type { Task } from './hands.ts';
import { insideFiles } from './inside-files.ts';
import { noteEnd, type AgentInside } from './note-end.ts';
import { putBack } from './put-back.ts';

type AgentAction = Extract<Action, { kind: 'agent' }>;

/** Word by which a process that waits for an agent is found again, also by the next controller. */
const marker = 'coi-agent';

/** Longest run of the program that starts an agent, in milliseconds: it leaves everything else to a process inside. */
const launchMs = 30_000;

/** A process that was just left behind may be between two command lines: looked for this often, in milliseconds. */
const looks = { count: 3, everyMs: 100 };

/**
 * Start the agent of a running sandbox, or find the one that runs; its end is noted and its sandbox looked at again.
 * No operation of Incus stays open meanwhile: incusd would wait for it before it ends itself.
 */
export async function startAgent(task: Task, action: AgentAction): Promise<void> {
  const { hands, sandbox, signal } = task;
  const agent = await agentInside(task, action);
  const { manifest, launch: mode } = action;
  const wasThere = await putBack(task, action);
  // Agents that are told an id refuse one that they know already: what has begun goes on.
  const goesOn = manifest.sandbox.session?.resumes === true || wasThere || mode !== 'once';
  const start = await hands.recipes.startOf({ manifest, uid: agent.uid, inside: insideOf(task, agent), goesOn });
  const running = mode === 'again' ? undefined : await findWaiter(agent, signal);
  const exitCode = running
    ? 0
    : await launchWaiter(task, { start, mode, workspace: workspaceInside(manifest.sandbox) }, agent);
  hands.agents.started(agent.uid, start.lack);
  if (exitCode !== 0) {
    hands.agents.ended(agent.uid, exitCode);
    hands.lookAgain(sandbox);
    return;
  }
  const waiter = running ?? (await findLaunched(task, agent));
  const onGone = () => void noteEnd(task, agent);
  if (waiter) hands.processes.add(agent.uid, waiter, onGone);
  else onGone();
}

async function agentInside({ hands, step, signal }: Task, { manifest }: AgentAction): Promise<AgentInside> {
  const { name, uid: user } = manifest.sandbox.codeUser;
  const { instance, precondition } = step;
  const { pid } = await hands.incus.instances.state(instance, { signal });
  const init = pid > 0 ? processAt(pid) : undefined;
  return { uid: precondition.uid ?? '', instance, session: `coi-${instance}`, home: `/home/${name}`, user, init };
}

/** Leaves a process inside that waits for the agent. Other exit codes than 0 say that it could not be left there. */
async function launchWaiter(
  { hands, signal }: Task,
  { start, mode, workspace }: { readonly start: AgentStart; readonly mode: Launch; readonly workspace: string },
  { instance, session, home, user }: AgentInside,
): Promise<number> {
  const { argv, env, files } = start;
  const how = [files ? 'files' : 'none', home, workspace, mode];
  const place = { uid: user, gid: user, cwd: '/', env, ...(files && { stdin: files }), signal, timeoutMs: launchMs };
  const words = [marker, session, wait, ...how, ...argv];
  return (await hands.incus.exec.run(instance, ['sh', '-c', launch, ...words], place)).exitCode;
}

function insideOf({ hands, signal }: Task, { instance, home, user }: AgentInside): InsideFiles {
  return insideFiles({ exec: hands.incus.exec, instance, home, user, signal });
}

async function findLaunched({ hands, signal }: Task, agent: AgentInside): Promise<HostProcess | undefined> {
  for (let left = looks.count; left > 0; left -= 1) {
    const waiter = await findWaiter(agent, signal);
    if (waiter) return waiter;
    await hands.clock.sleep(looks.everyMs, signal);
  }
  return undefined;
}

async function findWaiter({ init, session }: AgentInside, signal: AbortSignal): Promise<HostProcess | undefined> {
  return init && findChild(init, [marker, session], signal);
}
