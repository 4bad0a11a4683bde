import type { Agents } from '../apply/agents.ts';
import { untilAborted } from '../base/until-aborted.ts';
import type { AgentState } from '../plan/world.ts';
import type { DesiredState } from './desired.ts';
import { reportSandbox } from './report.ts';
import type { SandboxRecord, Sandboxes } from './sandboxes.ts';
import type { SandboxAwaited, SessionApi } from './session-api.ts';

/** Where waiting looks. */
export interface AwaitInit {
  readonly sandboxes: Sandboxes;
  readonly desired: Pick<DesiredState, 'manifests' | 'tombstoneOf'>;
  readonly agents: Pick<Agents, 'state'>;
  /** Ends every wait. */
  readonly lifetime: AbortSignal;
}

type Goal = Parameters<SessionApi['awaitSandbox']>[0]['goal'];

/**
 * Wait until a sandbox is as far as somebody wants it, by what each look at it comes to.
 *
 * @throws the reason of the signal, or of the lifetime, when it aborts
 */
export async function awaitSandbox(
  { sandboxes, desired, agents, lifetime }: AwaitInit,
  { name, goal, timeoutMs, signal }: Parameters<SessionApi['awaitSandbox']>[0],
): Promise<SandboxAwaited> {
  const timeUp = AbortSignal.timeout(Math.min(timeoutMs, 2 ** 31 - 1));
  const ending = AbortSignal.any([signal, lifetime, timeUp]);
  const isDeclared = () => desired.manifests().has(name);
  const isKnown = () => isDeclared() || desired.tombstoneOf(name) !== undefined;
  for (;;) {
    using look = sandboxes.nextLook(name);
    const record = sandboxes.get(name);
    const hash = desired.manifests().get(name)?.hash;
    const outcome = outcomeOf(goal, { record, hash, isDeclared: isDeclared(), isKnown: isKnown(), agents });
    if (outcome) return { outcome, ...reported(record) };
    try {
      await untilAborted(look.done, ending);
    } catch (error) {
      if (!timeUp.aborted || signal.aborted || lifetime.aborted) throw error;
      return { outcome: 'timeout', ...reported(sandboxes.get(name)) };
    }
  }
}

function reported(record: SandboxRecord | undefined): Pick<SandboxAwaited, 'sandbox'> {
  return record ? { sandbox: reportSandbox(record) } : {};
}

interface Seen {
  readonly record: SandboxRecord | undefined;
  /** Of what is declared now. */
  readonly hash: string | undefined;
  readonly isDeclared: boolean;
  /** Declared, or to be deleted. */
  readonly isKnown: boolean;
  readonly agents: AwaitInit['agents'];
}

function outcomeOf(goal: Goal, seen: Seen): SandboxAwaited['outcome'] | undefined {
  if (reached[goal](seen)) return 'reached';
  const isWantedGone = goal === 'gone' || goal === 'away' || goal === 'halted';
  return isStalled(seen.record) || (!isWantedGone && !seen.isDeclared) ? 'stuck' : undefined;
}

function isUp({ record, isKnown }: Seen): boolean {
  const instance = record?.world.instance;
  return isKnown && instance?.power === 'running' && instance.rules === 'current';
}

/** Nothing of it runs. */
function isHalted({ record }: Seen): boolean {
  return (record?.world.instance?.power ?? 'stopped') === 'stopped';
}

/** With its session in it. */
function isRunning(seen: Seen): boolean {
  return isUp(seen) && !seen.record?.plan.steps.some(({ action }) => action.kind === 'restore');
}

function isCurrent({ record, hash }: Seen): boolean {
  return record?.world.instance?.stamp.hash === hash && isReady(record);
}

const reached: Readonly<Record<Goal, (seen: Seen) => boolean>> = {
  running: isRunning,
  agent: (seen) => isUp(seen) && hasBegun(seen.record?.world.agent) && hasBegun(stateNow(seen)),
  halted: isHalted,
  made: (seen) => isRunning(seen) || isCurrent(seen),
  current: isCurrent,
  stopped: ({ record }) => record?.world.instance?.power === 'stopped',
  away: (seen) => !seen.isDeclared && isHalted(seen),
  gone: ({ record, isKnown }) => !record && !isKnown,
};

/** The last look may be from before somebody came back to it. */
function stateNow({ record, agents }: Seen): AgentState | undefined {
  const { instance } = record?.world ?? {};
  return instance && agents.state(instance.stamp.uid);
}

function hasBegun(state: AgentState | undefined): boolean {
  return state?.kind === 'running' || state?.kind === 'ended';
}

function isReady(record: SandboxRecord | undefined): boolean {
  return record?.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function isStalled(record: SandboxRecord | undefined): boolean {
  return record?.conditions.some(({ type, status }) => type === 'Stalled' && status === 'True') ?? false;
}
