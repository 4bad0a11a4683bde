import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import { bootId } from '../controller/leases.ts';
import type { SandboxAwaited, SessionOpened } from '../controller/session-api.ts';
import { processAt } from '../host/process/container-process.ts';
import type { Lease, Sandbox } from '../spec/sandbox.ts';
import type { Io } from './io.ts';
import { withProgress } from './progress.ts';
import type { AskedSession } from './session-request.ts';
import { noteSlot, untilStarted } from './session-start.ts';

/** Longest wait for what is left of a container to be gone, in milliseconds. */
const endMs = 120_000;

/** A sandbox that runs nothing by itself and ends with this process, however that ends: its lease says so. */
export function forThisProcess({ prompt: _prompt, ...sandbox }: Sandbox): Sandbox {
  return { ...sandbox, tool: {}, state: 'running', restart: 'never', lease: ownLease() };
}

function ownLease(): Lease {
  const { pid, startedAt } = processAt(process.pid)!;
  return { pid, startedAt, boot: bootId() };
}

/** A session that lasts as long as some work. */
export interface SessionAround {
  readonly api: ControlApi;
  readonly io: Io;
  readonly asked: AskedSession;
  /** Whether what is started and cleaned up is shown; yes unless said otherwise. */
  readonly isShown?: boolean;
  /** Whether to wait until nothing at all is left; else until nothing of it runs and it is on its way out. */
  readonly untilGone?: boolean;
}

/** Opens a session, does something in it once it runs, and ends it whatever came of that. */
export async function inSession<Result>(
  { api, io, asked, isShown = true, untilGone = false }: SessionAround,
  work: (opened: SessionOpened) => Promise<Result>,
): Promise<Result> {
  const opened = await api.openSession(asked.request);
  noteSlot(io, asked, opened);
  let hasStarted = false;
  try {
    await untilStarted(api, io, { opened, goal: 'running', isShown });
    hasStarted = true;
    return await work(opened);
  } finally {
    const ending = () => end(api, { asked, opened, hasStarted, untilGone });
    await (isShown ? withProgress(io, `Cleaning up ${opened.instance}`, ending) : ending());
  }
}

interface Ending {
  readonly asked: AskedSession;
  readonly opened: SessionOpened;
  readonly hasStarted: boolean;
  readonly untilGone: boolean;
}

/** Ephemeral: until nothing of it runs; its files go behind our back. Persistent: until it is stopped. */
async function end(api: ControlApi, { asked, opened, hasStarted, untilGone }: Ending): Promise<void> {
  const { name } = opened;
  const { by } = asked.request;
  const isKept = asked.sandbox.persistent && (hasStarted || opened.isReused);
  if (isKept) await api.endSession({ name, by });
  else await api.delete({ names: [name], by });
  const goal = isKept ? 'stopped' : untilGone ? 'gone' : 'away';
  const { outcome } = await api.awaitSandbox({ name, goal, timeoutMs: endMs, signal: new AbortController().signal });
  requireEnd(opened, outcome);
}

function requireEnd({ instance, name }: SessionOpened, outcome: SandboxAwaited['outcome']): void {
  if (outcome === 'reached') return;
  throw new Problem({
    code: 'session.not-ended',
    message: `${instance} is not gone yet`,
    hint: `It goes as soon as it can; what is in the way: coi why ${name}`,
  });
}
