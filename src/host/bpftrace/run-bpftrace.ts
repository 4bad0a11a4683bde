import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import type { Clock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';
import { lacksForTracing, tracing } from './fitness.ts';
import type { PathPattern } from './path-pattern.ts';
import { chunkBytes, programText, type Budgets } from './program.ts';
import { Records, type Record } from './record.ts';

/** What bpftrace is run with. */
export interface BpftraceRun {
  readonly patterns: readonly PathPattern[];
  readonly budgets: Budgets;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Takes what it says, in order. Never throws and does not wait. */
  readonly onRecord: (record: Record) => void;
}

/** Pages of the buffer between kernel and bpftrace, for each processor. */
const bufferPages = '256';

/**
 * Without a sign of life for as long it is ended, in milliseconds: it says one every 5 s. Before the first one it compiles for some
 * seconds of processor time, which may be much longer on a busy machine.
 */
const [beginMs, silenceMs] = [300_000, 60_000];

/** Longest line that is taken, in characters: the longest of ours have a chunk of memory in hexadecimal. */
const longestLine = 16_384;

/**
 * Run our program in bpftrace until it ends or the signal aborts. It dies with this process, however that ends. Once all is
 * attached it is put ahead of ordinary processes where that is permitted: what it watches may keep all processors busy.
 *
 * @throws {Problem} `bpftrace.failed` when it ends by itself, with what it said
 * @throws {Problem} `bpftrace.unfit` when this machine lacks what it needs
 * @throws the signal's reason when it aborts; by then it has been told to end
 */
export async function runBpftrace({ patterns, budgets, clock, signal, onRecord }: BpftraceRun): Promise<never> {
  signal.throwIfAborted();
  await requireFitness();
  const child = execa('setpriv', ['--pdeathsig', 'KILL', '--', 'bpftrace', '-f', 'json', '-'], {
    cwd: '/',
    env: {
      PATH: process.env['PATH'],
      BPFTRACE_STRLEN: String(chunkBytes),
      BPFTRACE_PERF_RB_PAGES: bufferPages,
      BPFTRACE_MAP_KEYS_MAX: '65536',
    },
    extendEnv: false,
    input: programText(fieldsOf, patterns, budgets),
    reject: false,
    buffer: false,
  });
  const end = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  let silence = clock.after(beginMs, end);
  let isAhead = false;
  const records = new Records();
  eachLine(child.stdout, (line) => {
    const record = records.take(line);
    if (record?.kind === 'alive') {
      silence[Symbol.dispose]();
      silence = clock.after(silenceMs, end);
      if (!isAhead && child.pid !== undefined) void putAhead(child.pid);
      isAhead = true;
    }
    if (record) onRecord(record);
  });
  const said = lastWords(child.stderr);
  try {
    const { exitCode, signal: by } = await child;
    signal.throwIfAborted();
    throw new Problem({
      code: 'bpftrace.failed',
      message: `bpftrace ended ${by ? `by ${by}` : `with exit code ${exitCode}`}${said() ? `: ${said()}` : ''}`,
      hint: 'Try "bpftrace -e \'BEGIN { exit(); }\'" as root; without it, processes are looked at every few seconds only.',
      retry: 'backoff',
    });
  } finally {
    silence[Symbol.dispose]();
    signal.removeEventListener('abort', end);
  }
}

async function requireFitness(): Promise<void> {
  if (!existsSync(`${tracing}/events`)) await execa('mount', ['-t', 'tracefs', 'tracefs', tracing], { reject: false });
  const lacks = await lacksForTracing();
  if (!lacks) return;
  throw new Problem({ code: 'bpftrace.unfit', message: `Processes cannot be traced: ${lacks.what}`, hint: lacks.hint });
}

/** @see Documentation/trace/events.rst, "Event formats" */
function fieldsOf(call: string): readonly string[] | undefined {
  const file = `${tracing}/events/syscalls/sys_enter_${call}/format`;
  if (!existsSync(file)) return undefined;
  const names = [...readFileSync(file, 'utf8').matchAll(/^\tfield:.*?(\w+);\toffset:/gm)].map(([, name]) => name!);
  return names.slice(names.indexOf('__syscall_nr') + 1);
}

/** Not before it has compiled, which takes seconds of processor time. Not permitted is as well: it then waits its turn. */
async function putAhead(pid: number): Promise<void> {
  await execa('chrt', ['--rr', '--pid', '1', String(pid)], { reject: false, timeout: 5_000 });
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(0, longestLine);
    for (const line of lines) if (line) onLine(line);
  });
}

/** The last line that says what is wrong: warnings about the program come first. */
function lastWords(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (more: string) => {
    text = (text + more).slice(-4_096);
  });
  return () =>
    text
      .split('\n')
      .findLast((line) => /^(?:setpriv:|error|.*ERROR)/.test(line) && !line.includes('RLIMIT_MEMLOCK'))
      ?.slice(0, 300) ?? '';
}
