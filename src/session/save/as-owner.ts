import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { ownProgram } from '../../base/own-files.ts';
import { messageOf, Problem, type Retry } from '../../base/problem.ts';
import type { Job, JobResults, StoreJob } from './job.ts';
import type { Owner } from './owner.ts';
import { runStoreJob } from './run-job.ts';

const program = ownProgram('session/save/owner-process');

/** Memory for what is short-lived, in MiB: much passes, and little stays. */
const flags = ['--max-semi-space-size=2'];

/** Largest outcome that is taken, in bytes, and how much of what the process says otherwise. */
const [maxOutcome, maxSaid] = [32 * 2 ** 20, 4_096];

/** How long an end that was asked for may take, in milliseconds: what is half-written is removed meanwhile. */
const endMs = 10_000;

/** What a job runs with. */
export interface JobOptions {
  readonly clock: Clock;
  /** The files of a sandbox, from {@link Files.connect}; taken over, also when this fails. */
  readonly guest?: Socket;
  readonly signal: AbortSignal;
}

/**
 * Does a job as the owner of sessions: here if that is who we are and nothing of a sandbox is read, else in a process of the
 * owner's. That process looks at everything that a sandbox or the owner decides; this one only at its outcome.
 *
 * @throws {Problem} as the job failed; `session.other-user` when we may not become the owner; `session.process` when the
 * process ended without an outcome
 * @throws the signal's reason when it aborts; by then the process has ended
 */
export async function asOwner<K extends Job['kind']>(
  job: Extract<Job, { readonly kind: K }>,
  options: JobOptions,
): Promise<JobResults[K]> {
  const { guest, clock, signal } = options;
  const isOwner = process.geteuid?.() === job.place.owner.uid;
  if (isOwner && !guest) return runStoreJob(job as StoreJob) as JobResults[K];
  const child = start(job, { isOwner, signal, ...(guest ? { guest } : {}) });
  return (await outcomeOf(child, job, { clock, signal, hasGuest: guest !== undefined })) as JobResults[K];
}

function start(
  { place }: Job,
  { isOwner, signal, guest }: Pick<JobOptions, 'guest' | 'signal'> & { readonly isOwner: boolean },
): ChildProcess {
  try {
    signal.throwIfAborted();
    if (!isOwner) requireRoot(place.owner);
    // Not execa: it hands on no connection. Nothing of our environment is the owner's business.
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
    return spawn(process.execPath, [...flags, program], {
      cwd: '/',
      env,
      stdio: ['pipe', 'pipe', 'pipe', guest ?? 'ignore'],
    });
  } finally {
    // The process has a descriptor of its own.
    guest?.destroy();
  }
}

async function outcomeOf(
  child: ChildProcess,
  job: Job,
  { clock, signal, hasGuest }: Omit<JobOptions, 'guest'> & { readonly hasGuest: boolean },
): Promise<unknown> {
  const outcome = collect(child.stdout!, maxOutcome);
  const said = collect(child.stderr!, maxSaid);
  let kill: Disposable | undefined;
  const stop = () => {
    child.stdin!.end();
    kill = clock.after(endMs, () => child.kill('SIGKILL'));
  };
  signal.addEventListener('abort', stop, { once: true });
  // It may be gone before it has read all: its end tells.
  child.stdin!.on('error', () => undefined);
  child.stdin!.write(`${JSON.stringify({ job, hasGuest })}\n`);
  try {
    const [code] = (await once(child, 'close').catch((error: unknown) => {
      throw died({ code: null, said: messageOf(error) });
    })) as [number | null];
    signal.throwIfAborted();
    return opened(outcome(), { code, said: said() });
  } finally {
    signal.removeEventListener('abort', stop);
    kill?.[Symbol.dispose]();
  }
}

function collect(stream: NodeJS.ReadableStream, max: number): () => string {
  const chunks: Buffer[] = [];
  let left = max;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk.subarray(0, left));
    left = Math.max(0, left - chunk.length);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

interface Ending {
  readonly code: number | null;
  readonly said: string;
}

function opened(text: string, ending: Ending): unknown {
  const outcome = parsed(text);
  if (outcome === undefined) throw died(ending);
  if ('result' in outcome) return outcome['result'];
  const { code, message, hint, retry } = outcome['problem'] as Record<string, unknown>;
  throw new Problem({
    code: String(code),
    message: String(message),
    retry: retry as Retry,
    ...(typeof hint === 'string' ? { hint } : {}),
  });
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const outcome = JSON.parse(text) as Record<string, unknown> | null;
    return outcome && ('result' in outcome || typeof outcome['problem'] === 'object') ? outcome : undefined;
  } catch {
    // It ended before it could say anything, or said more than anybody wants to hear.
    return undefined;
  }
}

function died({ code, said }: Ending): Problem {
  return new Problem({
    code: 'session.process',
    message: `The process that reads and writes sessions ended with ${code ?? 'a signal'}: ${said.trim() || 'it said nothing'}`,
    hint: 'It is tried again. If it goes on, please report it with this text.',
    retry: 'backoff',
  });
}

function requireRoot({ uid }: Owner): void {
  if (process.geteuid?.() === 0) return;
  throw new Problem({
    code: 'session.other-user',
    message: `Only user ${uid} and root may use the sessions of user ${uid}`,
    hint: 'Run the command as that user.',
  });
}
