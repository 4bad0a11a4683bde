import { systemClock as clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import type { SessionOpened } from '../controller/session-api.ts';
import { openIncus } from '../host/incus/client.ts';
import type { Attached } from '../host/incus/exec-attach.ts';
import { ExecOutput } from '../host/incus/exec-output.ts';
import type { Sink } from '../host/incus/exec-streams.ts';
import { incusSocket } from '../host/incus/socket.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import { guestCommand } from '../session/guest-command.ts';
import { guestEnvironment } from '../session/guest-environment.ts';
import { Interrupted, type Io } from './io.ts';
import { jsonText } from './printable.ts';
import type { SessionOptions } from './session-flags.ts';
import type { AskedSession } from './session-request.ts';
import type { Call } from './verb.ts';

/** Flags of `coi run`. */
export interface RunOptions extends SessionOptions {
  readonly capture?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly format?: string;
}

/** What a shell's own timeout(1) reports. */
const timedOut = 124;

/** Most output that is held back for the end, in bytes. */
const mostCaptured = 256 * 2 ** 20;

/** Run the command of `coi run` in its container. @returns its exit code; 124 when its time was up */
export async function runInside(call: Call, asked: AskedSession, opened: SessionOpened): Promise<number> {
  const { io, args } = call;
  const options = call.options as RunOptions;
  await using incus = openIncus({
    socketPath: incusSocket(io.env),
    project: asked.settings.incus.project,
    clock,
  });
  const { uid, name } = asked.sandbox.codeUser;
  const tooMuch = new AbortController();
  const held =
    options.capture || options.format === 'json' ? new ExecOutput(mostCaptured, () => tooMuch.abort()) : undefined;
  const began = io.clock.monotonic();
  const exitCode = await untilEnd(io, options.timeout, [tooMuch.signal], (signal) =>
    incus.exec.attach({
      name: opened.instance,
      argv: guestCommand(args),
      cwd: workspaceInside(asked.sandbox),
      uid,
      gid: uid,
      env: guestEnvironment({ home: `/home/${name}`, terminal: io.env['TERM'], own: asked.environment }),
      stdin: io.stdin,
      stdout: sink(io.stdout, held, 'stdout'),
      stderr: sink(io.stderr, held, 'stderr'),
      signal,
    }),
  );
  if (tooMuch.signal.aborted) throw tooMuchOutput();
  const { stdout, stderr } = held?.result() ?? {};
  if (options.format === 'json') {
    const duration = Math.round(io.clock.monotonic() - began) / 1_000;
    const texts = { stdout: String(stdout), stderr: String(stderr) };
    io.stdout.write(jsonText({ ...texts, exit_code: exitCode, container: opened.instance, duration }));
  } else {
    if (stdout) await io.stdout.pass(stdout);
    if (stderr) await io.stderr.pass(stderr);
  }
  return exitCode;
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
