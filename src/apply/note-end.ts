import { pause } from '../base/clock.ts';
import { isIncusError } from '../host/incus/errors.ts';
import { isAlive, type HostProcess } from '../host/process/container-process.ts';
import { look, stillThere } from './agent-scripts.ts';
import type { Hands, Task } from './hands.ts';

/** An agent as its end is asked for. */
export interface AgentInside {
  /** Of its instance. */
  readonly uid: string;
  readonly instance: string;
  /** Name of its tmux session. */
  readonly session: string;
  readonly home: string;
  /** Number of the user that it runs as. */
  readonly user: number;
  /** Init of the container that it was started in; absent when that did not run. */
  readonly init: HostProcess | undefined;
}

/** Before what was lost sight of is looked for again, in milliseconds: what cannot be seen must not be asked for ever. */
const lostMs = 1_000;

/** Longest run of the program that tells how an agent ended, in milliseconds, and the most it may say, in bytes. */
const lookLimits = { timeoutMs: 5_000, maxOutputBytes: 64 };

/** Of an agent that left none: as after SIGTERM. */
const unknownExitCode = 143;

/** Notes how an agent ended that nobody waits for any more. Losing sight of it is no end: it is looked for again. */
export async function noteEnd({ hands, sandbox }: Task, agent: AgentInside): Promise<void> {
  const { agents, clock, lifetime, processes } = hands;
  const { uid } = agent;
  const exitCode = await exitCodeOf(hands, agent);
  // Started again meanwhile: what was read is about the one before.
  if (lifetime.aborted || processes.has(uid)) return;
  if (exitCode === undefined) {
    agents.lost(uid);
    await pause(clock, lostMs, lifetime);
  } else agents.ended(uid, exitCode);
  if (!lifetime.aborted) hands.lookAgain(sandbox);
}

/** Undefined when nobody can tell, when the agent goes on, and when its whole container ended. */
async function exitCodeOf(hands: Hands, agent: AgentInside): Promise<number | undefined> {
  const { clock, lifetime } = hands;
  if (!isUp(agent)) return undefined;
  try {
    const answer = await ask(hands, agent);
    if (/^\d{1,3}$/.test(answer)) return Number(answer);
    if (answer === stillThere) return undefined;
    // A system that shuts down ends agents some time before itself.
    await clock.sleep(lostMs, lifetime);
    return isUp(agent) ? unknownExitCode : undefined;
  } catch (error) {
    // Incus or the container is on its way down or up: looking again tells.
    if (lifetime.aborted || isIncusError(error)) return undefined;
    throw error;
  }
}

async function ask({ incus, lifetime }: Hands, { instance, session, home, user }: AgentInside): Promise<string> {
  const place = { uid: user, gid: user, cwd: '/', signal: lifetime, ...lookLimits };
  const { stdout } = await incus.exec.run(instance, ['sh', '-c', look, 'sh', session, home], place);
  return stdout.toString('latin1').trim();
}

function isUp({ init }: AgentInside): boolean {
  return init !== undefined && isAlive(init);
}
