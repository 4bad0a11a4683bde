import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import { bootId } from '../controller/leases.ts';
import type { SandboxAwaited, SessionOpened } from '../controller/session-api.ts';
import { processAt } from '../host/process/container-process.ts';
import type { Lease, Sandbox } from '../spec/sandbox.ts';
import { connect } from './connect.ts';
import { withProgress } from './progress.ts';
import type { RunOptions } from './run-inside.ts';
import { noteSlot, untilStarted } from './session-start.ts';
import { askForSession, type AskedSession } from './session-request.ts';
import type { Verb } from './verb.ts';

/** Longest wait for what is left of a container to be gone, in milliseconds. */
const endMs = 120_000;

/**
 * `coi run`: a sandbox that lasts as long as one command. It is a sandbox like any other; what ends it when this process
 * cannot is the lease in its manifest.
 */
export const runCommand: Verb = async (call) => {
  const { io } = call;
  const options = call.options as RunOptions;
  const asked = await askForSession(io, options, { adjust: forOneCommand });
  // A signal goes to the command inside; what is asked of the controller afterwards must still get through.
  const requests = new AbortController();
  await using api = await connect({ ...io, signal: requests.signal }, 'write');
  const opened = await api.openSession(asked.request);
  noteSlot(io, asked, opened);
  let hasStarted = false;
  // Read while the container starts: what talks to Incus takes as long as all the rest of this program.
  const inside = import('./run-inside.ts');
  try {
    await withProgress(io, `Starting ${opened.instance}`, () => untilStarted(api, io, { opened, goal: 'running' }));
    hasStarted = true;
    return await (await inside).runInside(call, asked, opened);
  } finally {
    await withProgress(io, `Cleaning up ${opened.instance}`, () => end(api, { asked, opened, hasStarted }));
  }
};

/** It runs what the command line says and nothing else, and ends with this process. */
function forOneCommand({ prompt: _prompt, ...sandbox }: Sandbox): Sandbox {
  return { ...sandbox, tool: {}, state: 'running', restart: 'never', lease: ownLease() };
}

function ownLease(): Lease {
  const { pid, startedAt } = processAt(process.pid)!;
  return { pid, startedAt, boot: bootId() };
}

interface Ending {
  readonly asked: AskedSession;
  readonly opened: SessionOpened;
  readonly hasStarted: boolean;
}

/** Ephemeral: until nothing of it runs or has its name; its files go behind our back. Persistent: until it is stopped. */
async function end(api: ControlApi, { asked, opened, hasStarted }: Ending): Promise<void> {
  const { name } = opened;
  const { by } = asked.request;
  const isKept = asked.sandbox.persistent && (hasStarted || opened.isReused);
  if (isKept) await api.endSession({ name, by });
  else await api.delete({ names: [name], by });
  const goal = isKept ? 'stopped' : 'away';
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
