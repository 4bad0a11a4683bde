import { Problem } from '../base/problem.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { SandboxReport } from '../controller/report.ts';
import type { SandboxGoal, SessionOpened } from '../controller/session-api.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import type { AskedSession } from './session-request.ts';
import { warnUnprotected } from './warn-unprotected.ts';

/** Longest wait for a container to run, in milliseconds. */
const startMs = 900_000;

/** Say when it is another slot than the one that was asked for. */
export function noteSlot(io: Io, { request: { slot } }: AskedSession, opened: SessionOpened): void {
  if (slot === undefined || slot === opened.slot) return;
  const why = opened.isReused ? 'The session is not in slot' : 'Slot';
  io.stderr.write(`${why} ${slot}${opened.isReused ? ', but in' : ' is taken, using'} slot ${opened.slot}\n`);
}

/** What is waited for. */
export interface Start {
  readonly opened: SessionOpened;
  readonly goal: Extract<SandboxGoal, 'running' | 'agent'>;
  /** Whether it is said that it takes long; yes unless said otherwise. */
  readonly isShown?: boolean;
}

/**
 * Wait until a session runs, and say what of its workspace is not protected.
 *
 * @returns what is known of it then
 * @throws {Problem} `session.not-started` when it never will
 */
export async function untilStarted(
  api: ControlApi,
  io: Io,
  { opened, goal, isShown = true }: Start,
): Promise<SandboxReport | undefined> {
  const wait = () => api.awaitSandbox({ name: opened.name, goal, timeoutMs: startMs, signal: io.signal });
  const { outcome, sandbox } = await (isShown ? withProgress(io, `Starting ${opened.instance}`, wait) : wait());
  if (outcome !== 'reached') throw notStarted(opened, sandbox);
  if (sandbox) warnUnprotected(io, sandbox);
  return sandbox;
}

function notStarted({ name, instance }: SessionOpened, sandbox: SandboxReport | undefined): Problem {
  const [stalled] = sandbox?.conditions.filter(({ type, status }) => type === 'Stalled' && status === 'True') ?? [];
  const why = stalled?.message ?? sandbox?.message;
  return new Problem({
    code: 'session.not-started',
    message: `${instance} could not be started${why ? `: ${printable(why)}` : ''}`,
    hint:
      stalled?.reason === 'ImageMissing' ? 'Build it first, or name another with --image' : `See: coi events ${name}`,
  });
}
