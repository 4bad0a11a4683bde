import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { backoffMs } from '../../base/backoff.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { messageOf, Problem } from '../../base/problem.ts';
import { scopedForLife } from '../link/in-network.ts';
import { KmsgParser, parseJournalLine, type KernelLine, type Parsed } from './entries.ts';

/** Where kernel lines are read. */
export type KernelLogSource = 'journald' | 'kmsg';

/** What following the kernel log needs. */
export interface KernelLogInit {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Lima machine whose log it is; empty for this host's own. */
  readonly limaHost: string;
  readonly onLine: (line: KernelLine) => void;
  /** So many lines were overwritten before they were read. */
  readonly onLost: (count: number) => void;
  /** It is read from here from now on, or cannot be for the reason given; then it is tried again. */
  readonly onState: (source: KernelLogSource | undefined, problem: Problem | undefined) => void;
}

const restarts = { baseMs: 100, capMs: 30_000, jitter: 0.2 };
const healthyMs = 10_000;
const probeMs = 15_000;
/** Exists while journald runs. See systemd-journald.service(8). */
const journalSocket = '/run/systemd/journal/socket';
const machineName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

type Argv = readonly [string, ...string[]];

/**
 * Hands on what the kernel logs from now on, until the signal aborts: from journald where it runs, else from /dev/kmsg. A
 * program of its own reads, because a read of /dev/kmsg does not end; it is started again where it left off.
 *
 * @see journalctl(1), Documentation/ABI/testing/dev-kmsg
 */
export async function followKernelLog(init: KernelLogInit): Promise<void> {
  const { clock, signal, onState } = init;
  const places: Places = { journald: undefined, kmsg: undefined };
  let failures = 0;
  while (!signal.aborted) {
    const began = clock.monotonic();
    try {
      const source = await findSource(init);
      if (source === 'kmsg') places.kmsg ??= await lastRecord(init);
      if (signal.aborted) return;
      onState(source, undefined);
      if ((await readFrom(source, { ...init, places })) === 'overtaken') failures = 0;
    } catch (error) {
      if (!signal.aborted) onState(undefined, unreadable(error));
    }
    failures = clock.monotonic() - began > healthyMs ? 1 : failures + 1;
    await pause(clock, backoffMs(restarts, failures, Math.random()), signal);
  }
}

/** Where each source was left: the last line's cursor, the last record's number. */
interface Places {
  journald: string | undefined;
  kmsg: string | undefined;
}

async function findSource({ limaHost, signal }: KernelLogInit): Promise<KernelLogSource> {
  if (limaHost === '') return (await exists(journalSocket)) ? 'journald' : 'kmsg';
  const [file, ...args] = elsewhere(limaHost, ['test', '-e', journalSocket]);
  const probe = await execa(file, args, { reject: false, stdin: 'ignore', timeout: probeMs, cancelSignal: signal });
  if (probe.exitCode !== 0 && probe.exitCode !== 1) throw new Error(firstLine(probe.stderr) || probe.shortMessage);
  return probe.exitCode === 0 ? 'journald' : 'kmsg';
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The number of the newest record, so that what is older is not taken for news. */
async function lastRecord({ limaHost, signal }: KernelLogInit): Promise<string> {
  const [file, ...args] = elsewhere(limaHost, ['dd', 'if=/dev/kmsg', 'iflag=nonblock', 'bs=8192']);
  // Where there is nothing more to read it fails, which is its end.
  const { stdout, stderr } = await execa(file, args, {
    reject: false,
    stdin: 'ignore',
    timeout: probeMs,
    cancelSignal: signal,
    env: { LC_ALL: 'C' },
  });
  const records = stdout.split('\n').flatMap((line) => /^\d+,(\d+),\d+,/.exec(line)?.[1] ?? []);
  if (records.length === 0 && !/temporarily unavailable/.test(stderr)) throw new Error(firstLine(stderr));
  return records.at(-1) ?? '-1';
}

interface Reading extends KernelLogInit {
  readonly places: Places;
}

/** Reads until the program ends; `overtaken`: by a kernel that overwrote what was to be read next. */
async function readFrom(source: KernelLogSource, reading: Reading): Promise<'ended' | 'overtaken'> {
  const { limaHost, signal, places } = reading;
  const [file, ...args] = scopedForLife({}, elsewhere(limaHost, commands[source](places[source])));
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    stdin: 'ignore',
    env: { LC_ALL: 'C' },
    cancelSignal: signal,
    forceKillAfterDelay: 1_000,
  });
  let lastError = '';
  child.stderr.on('data', (chunk: Buffer) => (lastError = chunk.toString().slice(0, 400)));
  const parse = parserOf(source, reading);
  createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (text) => {
    const { line, position, lost } = parse(text);
    if (position !== undefined) places[source] = position;
    if (lost !== undefined) reading.onLost(lost);
    if (line) reading.onLine(line);
  });
  const { shortMessage = 'it ended' } = await child;
  if (signal.aborted) return 'ended';
  if (/Broken pipe/.test(lastError)) return 'overtaken';
  throw new Error(firstLine(lastError) || shortMessage);
}

function parserOf(source: KernelLogSource, { clock, places }: Reading): (text: string) => Parsed {
  if (source === 'journald') return parseJournalLine;
  const parser = new KmsgParser(() => clock.now(), Number(places.kmsg));
  return (text) => parser.parse(text);
}

const commands: Record<KernelLogSource, (from: string | undefined) => Argv> = {
  journald: (from) => [
    'journalctl',
    '--quiet',
    '--dmesg',
    '--follow',
    '--output=json',
    '--output-fields=MESSAGE,SYSLOG_FACILITY',
    ...(from === undefined ? ['--lines=0'] : ['--no-tail', `--after-cursor=${from}`]),
  ],
  kmsg: () => ['cat', '/dev/kmsg'],
};

/** A machine's user may not read its kernel log, but may become root there without a password. */
function elsewhere(limaHost: string, command: Argv): Argv {
  if (limaHost === '') return command;
  if (!machineName.test(limaHost)) throw new Error(`"${limaHost.slice(0, 80)}" is not the name of a Lima machine`);
  return ['limactl', 'shell', limaHost, 'sudo', '--non-interactive', ...command];
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.trim() ?? '';
}

function unreadable(cause: unknown): Problem {
  return new Problem({
    code: 'monitor.kernel-log',
    message: `The kernel log, which tells of connections, cannot be read: ${messageOf(cause)}`,
    hint: 'Try it: journalctl --dmesg --lines=1, or: dd if=/dev/kmsg iflag=nonblock bs=8192 count=1. It is tried again.',
    retry: 'backoff',
    cause,
  });
}
