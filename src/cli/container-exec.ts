import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Instance } from '../host/incus/instance.ts';
import { execInside, type InsideCommand } from './exec-inside.ts';
import { exitCodes } from './failure.ts';
import { requireInstance, requireRunning } from './find-instance.ts';
import { runInTerminal, terminalEnvironment } from './inside-terminal.ts';
import { Interrupted, type Io } from './io.ts';
import { leaveEnvironment } from './leave-environment.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { jsonText } from './printable.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';

/** Flags of `coi container exec`. */
interface ExecOptions {
  readonly user?: number;
  readonly group?: number;
  readonly env?: readonly (readonly [name: string, value: string])[];
  readonly cwd?: string;
  readonly capture?: boolean;
  readonly format?: string;
  readonly tty?: boolean;
}

type Program = Pick<InsideCommand, 'instance' | 'argv' | 'uid' | 'gid' | 'cwd' | 'env'>;

/** `coi container exec`: a program in any container, with the streams of this process or a terminal of its own. */
export const containerExec: Verb = async ({ io, args: [name = '', ...argv], options }) => {
  const asked = options as ExecOptions;
  requireSense(asked);
  await using incus = await openOwnIncus(io);
  const instance = await requireInstance(incus, name, io.signal);
  requireRunning(instance);
  const program = programFor(instance, argv, asked);
  try {
    if (asked.tty) return await inTerminal(io, incus, program);
    if (!asked.capture) return (await execInside(io, incus, { ...program, captures: 'nothing' })).exitCode;
    return await captured(io, incus, { program, isRaw: asked.format === 'raw' });
  } catch (error) {
    if (maySayThatItStopped(error)) await requireStillRunning(io, incus, name);
    throw error;
  }
};

function maySayThatItStopped(error: unknown): boolean {
  return isIncusError(error) && (error.code === 'incus.exec-not-begun' || error.code === 'incus.wrong-state');
}

/** In one that is about to stop, Incus cannot begin anything: it does not say why, or not what to do. */
async function requireStillRunning({ clock, signal }: Io, incus: Incus, name: string): Promise<void> {
  for (let left = looks; left > 0; left -= 1) {
    requireRunning(await requireInstance(incus, name, signal));
    await clock.sleep(betweenMs, signal);
  }
}

/** How often, and how long after another, it is looked whether a container still runs, in milliseconds. */
const looks = 5;
const betweenMs = 200;

/** As the original has it: these two are wrong uses with a code of their own. */
function requireSense({ capture = false, format, tty = false, cwd = '/' }: ExecOptions): void {
  const example = 'Example: coi container exec web --capture --format raw -- cat /etc/os-release';
  if (format !== undefined && !capture) throw new UsageProblem('--format needs --capture', example, exitCodes.usage);
  if (tty && capture) throw new UsageProblem('--tty and --capture exclude each other', example, exitCodes.usage);
  if (!cwd.startsWith('/')) throw new UsageProblem(`--cwd needs an absolute path, not "${cwd}"`, example);
}

function programFor(instance: Instance, argv: readonly string[], asked: ExecOptions): Program {
  const { user: uid = 0, group: gid = uid, cwd } = asked;
  const env = Object.fromEntries(asked.env ?? []);
  const place = { instance: instance.name, uid, gid, env };
  if (cwd === undefined) return { ...place, argv, cwd: instance.expandedDevices['workspace']?.['path'] };
  // Incus takes another directory where this one is not there: nobody wants a program to run just anywhere.
  return { ...place, argv: ['/bin/sh', '-c', goThere, 'coi', cwd, ...argv], cwd: '/' };
}

const goThere = 'cd "$1" || exit 1; shift; exec "$@"';

interface Capturing {
  readonly program: Program;
  readonly isRaw: boolean;
}

/** Nothing is read from stdin: a loop that reads lines from it may call this. */
async function captured(io: Io, incus: Incus, { program, isRaw }: Capturing): Promise<number> {
  const quiet = { ...program, stdin: nothing() };
  if (isRaw) return (await execInside(io, incus, { ...quiet, captures: 'nothing' })).exitCode;
  const { exitCode, output } = await execInside(io, incus, { ...quiet, captures: 'everything' });
  const texts = { stdout: String(output?.stdout), stderr: String(output?.stderr) };
  io.stdout.write(jsonText({ ...texts, exit_code: exitCode }));
  return exitCodes.done;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function inTerminal(io: Io, incus: Incus, { env, argv, ...place }: Program): Promise<number> {
  const { instance, uid, gid } = place;
  const hasOwn = Object.keys(env).length > 0;
  const left = hasOwn && (await leaveEnvironment(incus, instance, { uid, gid, env, cwd: '/', signal: io.signal }));
  return runInTerminal(io, incus, {
    ...place,
    argv: left ? left.become(argv) : argv,
    environment: terminalEnvironment(io),
    terminal: io.terminal,
    signalAtEnd: () => signalOf(io),
  });
}

/** Its number: what ended this process is handed on. */
function signalOf({ signal }: Io): number {
  const reason: unknown = signal.reason;
  return reason instanceof Interrupted ? reason.exitCode - 128 : 15;
}
