import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { SavedSession } from '../session/save/store.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';

/**
 * How long a container that may be on its way down is waited for, in milliseconds: not long where what was shown ended by
 * itself, as by "exit", and longer where something ended it.
 */
const haltMs = { ended: 5_000, endedBy: 60_000 };

/** Longest wait for what is left of it to be gone, in milliseconds. */
const endMs = 120_000;

/** How often it is seen meanwhile whether it can be saved at all, in milliseconds. */
const lookMs = 5_000;

/** What ends a program that somebody leaves on purpose: 0, Ctrl-C, SIGKILL, SIGTERM, SIGHUP. */
const asWished = new Set([0, 129, 130, 137, 143]);

/** A session that was shown until now. */
export interface ShownSession {
  readonly name: string;
  readonly instance: string;
  /** Whether its container stays when it stops. */
  readonly isKept: boolean;
  readonly exitCode: number;
  /** Whether what it showed is known to be there still. */
  readonly goesOn?: boolean;
  /** Where it is saved when it ends; undefined where it is not. */
  readonly saved?: SavedWhere;
}

/** Saved sessions, among which one may appear. */
export interface SavedWhere {
  readonly list: () => Promise<readonly SavedSession[]>;
  /** When it began to be shown, milliseconds since 1970: what was saved before is of an earlier time. */
  readonly since: number;
}

/** Where the session of an agent that is shown from now on is saved. @param tool name of the agent; undefined for none by name */
export function savedWhere(io: Io, tool: string | undefined): Pick<ShownSession, 'saved'> {
  if (tool === undefined) return {};
  // A signal ends what is shown; what became of it is told all the same.
  const calm = { ...io, signal: new AbortController().signal };
  const list = async () => (await (await import('./resume-session.ts')).savedSessions(calm, tool)).list();
  return { saved: { list, since: io.clock.now() } };
}

/**
 * Say what became of a session that is not shown any more: it goes on, or it ended inside, and then wait until it is cleared
 * away. @returns the exit code of the command
 */
export async function endShown(io: Io, shown: ShownSession): Promise<number> {
  const { name, instance, isKept, exitCode } = shown;
  const unending = new AbortController().signal;
  if (shown.goesOn) return keptRunning(io, shown);
  // Only now: without a controller it is this process that does its work, and nobody else could meanwhile.
  await using api = await connect({ ...io, signal: unending }, 'write');
  const isHalted = async () => {
    const timeoutMs = exitCode === 0 || io.signal.aborted ? haltMs.ended : haltMs.endedBy;
    return (await api.awaitSandbox({ name, goal: 'halted', timeoutMs, signal: unending })).outcome === 'reached';
  };
  if (!(await isHalted())) return keptRunning(io, shown);
  if (isKept) {
    io.stderr.write(`Container kept, stopped: ${instance}\n`);
    return exitCodes.done;
  }
  const isCleared = await withProgress(io, `Cleaning up ${instance}`, () => untilCleared(api, io, shown));
  if (isCleared && (await isSaved(shown))) io.stderr.write('Session data saved\n');
  if (isCleared) io.stderr.write('Cleanup complete\n');
  else io.stderr.write(`coi: ${instance} is not gone yet; what is in the way: coi why ${name}\n`);
  return exitCodes.done;
}

/** A session is saved when its container is out of the way already, and deleted then: where it is saved, that is waited for. */
async function untilCleared(api: ControlApi, { clock }: Io, { name, saved }: ShownSession): Promise<boolean> {
  const deadline = clock.monotonic() + endMs;
  const wait = { name, goal: saved ? 'gone' : 'away', signal: new AbortController().signal } as const;
  for (;;) {
    const left = Math.max(0, deadline - clock.monotonic());
    const { outcome, sandbox } = await api.awaitSandbox({ ...wait, timeoutMs: Math.min(lookMs, left) });
    if (outcome !== 'timeout') return outcome === 'reached';
    const isHeldUp = sandbox?.conditions.some(({ reason }) => reason === 'SaveFailed');
    if (isHeldUp || left <= lookMs) return false;
  }
}

async function isSaved({ instance, saved }: ShownSession): Promise<boolean> {
  const isThis = ({ container, hasData, savedAt }: SavedSession) =>
    container === instance && hasData && Date.parse(savedAt) >= (saved?.since ?? Infinity);
  try {
    return (await saved?.list())?.some(isThis) ?? false;
  } catch (error) {
    // It is over, whatever became of that directory; coi list --all tells what is wrong with it.
    if (error instanceof Problem) return false;
    throw error;
  }
}

function keptRunning(io: Io, { instance, exitCode }: ShownSession): number {
  io.stderr.write(`Container kept running: ${instance}\n  Go back: coi attach ${instance}\n`);
  // Whoever was told to end left it on purpose, too.
  return io.signal.aborted || asWished.has(exitCode) ? exitCodes.done : exitCodes.failed;
}

/** A session that never came to be. */
export interface FailedSession {
  readonly name: string;
  readonly instance: string;
  readonly by: string;
}

/** Delete it, and wait until nothing of it runs. */
export async function discardSession(io: Io, api: ControlApi, { name, instance, by }: FailedSession): Promise<void> {
  await api.delete({ names: [name], by });
  const wait = { name, goal: 'away', timeoutMs: endMs, signal: new AbortController().signal } as const;
  await withProgress(io, `Cleaning up ${instance}`, () => api.awaitSandbox(wait));
}
