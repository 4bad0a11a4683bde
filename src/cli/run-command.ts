import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import { bootId } from '../controller/leases.ts';
import type { SandboxAwaited, SessionOpened } from '../controller/session-api.ts';
import { processAt } from '../host/process/container-process.ts';
import type { Lease, Sandbox } from '../spec/sandbox.ts';
import { connect } from './connect.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import type { RunOptions } from './run-inside.ts';
import { askForSession, type AskedSession } from './session-request.ts';
import type { Call, Verb } from './verb.ts';

/** Longest wait for a container to run, and for what is left of it to be gone, in milliseconds. */
const startMs = 900_000;
const endMs = 120_000;

/**
 * `coi run`: a sandbox that lasts as long as one command. It is a sandbox like any other; what ends it when this process
 * cannot is the lease in its manifest.
 */
export const runCommand: Verb = async (call) => {
  const { io } = call;
  const options = call.options as RunOptions;
  const asked = await askForSession(io, options, forOneCommand);
  // A signal goes to the command inside; what is asked of the controller afterwards must still get through.
  const requests = new AbortController();
  await using api = await connect({ ...io, signal: requests.signal }, 'write');
  const opened = await api.openSession(asked.request);
  noteSlot(call, asked, opened);
  let hasStarted = false;
  // Read while the container starts: what talks to Incus takes as long as all the rest of this program.
  const inside = import('./run-inside.ts');
  try {
    await withProgress(io, `Starting ${opened.instance}`, () => untilRunning(api, call, opened));
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

function noteSlot({ io }: Call, { request: { slot } }: AskedSession, opened: SessionOpened): void {
  if (slot === undefined || slot === opened.slot) return;
  io.stderr.write(`Slot ${slot} is taken, using slot ${opened.slot}\n`);
}

async function untilRunning(api: ControlApi, { io }: Call, { name, instance }: SessionOpened): Promise<void> {
  const { outcome, sandbox } = await api.awaitSandbox({ name, goal: 'running', timeoutMs: startMs, signal: io.signal });
  if (outcome === 'reached') return;
  const [stalled] = sandbox?.conditions.filter(({ type, status }) => type === 'Stalled' && status === 'True') ?? [];
  const why = stalled?.message ?? sandbox?.message;
  throw new Problem({
    code: 'session.not-started',
    message: `${instance} could not be started${why ? `: ${printable(why)}` : ''}`,
    hint:
      stalled?.reason === 'ImageMissing' ? 'Build it first, or name another with --image' : `See: coi events ${name}`,
  });
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
