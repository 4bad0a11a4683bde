import type { Incus } from '../host/incus/client.ts';
import type { Attached } from '../host/incus/exec-attach.ts';
import { ExecOutput } from '../host/incus/exec-output.ts';
import type { Sink } from '../host/incus/exec-streams.ts';
import { Problem } from '../base/problem.ts';
import { Interrupted, type Io } from './io.ts';

/** What a shell's own timeout(1) reports. */
const timedOut = 124;

/** Most output that is held back for the end, in bytes. */
const mostCaptured = 256 * 2 ** 20;

/** A program that is to run inside with the streams of this process. */
export interface InsideCommand {
  readonly instance: string;
  readonly argv: readonly string[];
  readonly uid: number;
  readonly gid: number;
  /** Incus silently takes another directory when this one is not there. */
  readonly cwd?: string | undefined;
  /** Handed over by stdin. */
  readonly env: Readonly<Record<string, string>>;
  /** In place of that of this process. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** What is held back for the end; the rest goes on as it comes. */
  readonly captures: 'nothing' | 'everything';
  /** When to end it, in milliseconds; never unless given. */
  readonly timeoutMs?: number | undefined;
}

/** How it ended. */
export interface InsideEnd {
  /** 124: its time was up; 126 and 127: it could not be run; 128 + n: ended by signal n. */
  readonly exitCode: number;
  /** What was held back. */
  readonly output?: { readonly stdout: Buffer; readonly stderr: Buffer };
}

/**
 * Run a program inside with the streams of this process, any bytes, and hand signals on to it.
 *
 * @throws {Problem} `run.too-much-output` when more was to be held back than fits
 */
export async function execInside(io: Io, incus: Incus, command: InsideCommand): Promise<InsideEnd> {
  const { instance, captures, timeoutMs, cwd, stdin = io.stdin, ...rest } = command;
  const tooMuch = new AbortController();
  const held = captures === 'everything' ? new ExecOutput(mostCaptured, () => tooMuch.abort()) : undefined;
  const exitCode = await untilEnd(io, timeoutMs, [tooMuch.signal], (signal) =>
    incus.exec.attach({
      ...rest,
      name: instance,
      ...(cwd !== undefined && { cwd }),
      stdin,
      stdout: sink(io.stdout, held, 'stdout'),
      stderr: sink(io.stderr, held, 'stderr'),
      signal,
    }),
  );
  if (tooMuch.signal.aborted) throw tooMuchOutput();
  return { exitCode, ...(held && { output: held.result() }) };
}

function sink(output: Io['stdout'], held: ExecOutput | undefined, stream: 'stdout' | 'stderr'): Sink {
  return held ? async (chunk) => held.add(stream, chunk) : (chunk) => output.pass(chunk);
}

function tooMuchOutput(): Problem {
  return new Problem({
    code: 'run.too-much-output',
    message: `The command was ended: it wrote more than ${mostCaptured / 2 ** 20} MiB, which is the most that can be captured`,
    hint: 'Leave out --capture and --format json, so that its output goes on as it comes.',
  });
}

/** Hands on signals until the command ends, and ends it when its time is up. */
async function untilEnd(
  io: Io,
  timeoutMs: number | undefined,
  more: readonly AbortSignal[],
  start: (signal: AbortSignal) => Promise<Attached>,
): Promise<number> {
  const timeUp = new AbortController();
  using _timer = timeoutMs === undefined ? undefined : io.clock.after(timeoutMs, () => timeUp.abort());
  const ending = AbortSignal.any([timeUp.signal, ...more]);
  const attached = await start(ending);
  const pass = () => {
    const reason: unknown = io.signal.reason;
    attached.send(reason instanceof Interrupted ? reason.exitCode - 128 : 15);
  };
  io.signal.addEventListener('abort', pass, { once: true });
  if (io.signal.aborted) pass();
  try {
    return await attached.exitCode;
  } catch (error) {
    if (!ending.aborted) throw error;
    if (timeUp.signal.aborted) io.stderr.write(`coi: the command was ended: its time was up\n`);
    return timedOut;
  } finally {
    io.signal.removeEventListener('abort', pass);
    // It may never end by itself, and would keep this process waiting.
    io.stdin.destroy();
  }
}
