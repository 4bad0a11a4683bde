import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../../base/clock.ts';
import { ownProgram } from '../../base/own-files.ts';
import { processAt, type HostProcess } from './container-process.ts';

/** Whether a process has its number still. What bpftrace says of its start is cut to 32 bits, which last for 497 days of uptime. */
function isStill({ pid, startedAt }: HostProcess): boolean {
  const found = processAt(pid);
  return found !== undefined && Number(found.startedAt) % 2 ** 32 === Number(startedAt) % 2 ** 32;
}

/** What a process runs, as /proc says: its executable's path and its words, each with a NUL behind it. */
export interface Reading {
  readonly executable: string;
  readonly words: Buffer;
}

interface Request {
  readonly process: HostProcess;
  readonly owner: string;
  readonly done: (reading: Reading | undefined) => void;
}

/** How long one answer may take, in milliseconds: ordinary ones take a fraction of one. */
const answerMs = 250;
/** How long the process may take to begin. */
const beginMs = 10_000;
/** How long it is kept when nobody asks. */
const idleMs = 30_000;
/** Most requests that wait; more are not answered. */
const mostWaiting = 4_096;
/** Readers that an owner may have had blocked and that have not ended yet: a file system in user space can hold them for ever. */
const mostBlocked = 2;
/** How long an owner is left alone whose memory blocked a reader, in milliseconds. */
const penaltyMs = 10_000;

/**
 * Reads command lines in a process of its own that is given up when it does not come back: neither this program nor what is asked
 * about others waits for a hostile page. One question at a time, so that it is known which one blocked.
 */
export class WordsReader implements Disposable {
  readonly #clock: Clock;
  readonly #waiting: Request[] = [];
  readonly #blocked = new Map<string, { open: number; until: number }>();
  #child: ChildProcess | undefined;
  #current: Request | undefined;
  #isReady = false;
  #timer: Disposable | undefined;
  #answer = '';
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What a process runs now.
   *
   * @param owner whose process it is: who blocks readers is not read for a while
   * @returns undefined when it has ended, when its memory did not answer in time, and when too many ask
   */
  read(process: HostProcess, owner: string): Promise<Reading | undefined> {
    if (this.#isOver || this.#waiting.length >= mostWaiting || this.#isBlocking(owner))
      return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<Reading | undefined>();
    this.#waiting.push({ process, owner, done: resolve });
    this.#next();
    return promise;
  }

  #isBlocking(owner: string): boolean {
    const known = this.#blocked.get(owner);
    if (!known) return false;
    if (known.open === 0 && known.until <= this.#clock.monotonic()) this.#blocked.delete(owner);
    return known.open >= mostBlocked || known.until > this.#clock.monotonic();
  }

  #next(): void {
    if (this.#current || this.#isOver) return;
    if (this.#waiting.length === 0) return this.#wait(idleMs, () => this.#end());
    this.#child ??= this.#begin();
    if (!this.#isReady) return;
    const request = this.#waiting.shift()!;
    if (this.#isBlocking(request.owner) || !isStill(request.process)) {
      request.done(undefined);
      return this.#next();
    }
    this.#current = request;
    this.#wait(answerMs, () => this.#giveUp());
    this.#child.stdin?.write(`${request.process.pid}\n`);
  }

  #begin(): ChildProcess {
    const argv = [
      '--pdeathsig',
      'KILL',
      '--',
      process.execPath,
      '--max-semi-space-size=1',
      ownProgram('host/process/words-process'),
    ];
    // Not execa, which would wait for a process that cannot be ended.
    const child = spawn('setpriv', argv, {
      cwd: '/',
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.unref();
    child.stdout.setEncoding('latin1').on('data', (text: string) => this.#take(child, text));
    // What it does not read any more is known by its end.
    child.stdin.on('error', () => undefined);
    child.on('error', () => this.#ended(child));
    child.on('exit', () => this.#ended(child));
    this.#wait(beginMs, () => this.#giveUp());
    return child;
  }

  #take(child: ChildProcess, text: string): void {
    if (child !== this.#child) return;
    this.#answer += text;
    const end = this.#answer.indexOf('\n');
    if (end < 0) return;
    const line = this.#answer.slice(0, end);
    this.#answer = '';
    if (!this.#isReady) this.#isReady = true;
    else this.#finish(line);
    this.#next();
  }

  #finish(line: string): void {
    const request = this.#current;
    this.#current = undefined;
    const [words = '', executable = ''] = line.split(' ');
    // A number may have been given to another process meanwhile.
    const reading = { executable: Buffer.from(executable, 'hex').toString('utf8'), words: Buffer.from(words, 'hex') };
    request?.done(isStill(request.process) ? reading : undefined);
  }

  /** What was asked last is not answered; all others are, by another process. */
  #giveUp(): void {
    const [child, request] = [this.#child, this.#current];
    this.#forget();
    if (request && child) this.#blame(request.owner, child);
    child?.kill('SIGKILL');
    request?.done(undefined);
    if (!request) for (const each of this.#waiting.splice(0)) each.done(undefined);
    this.#next();
  }

  #blame(owner: string, child: ChildProcess): void {
    const known = this.#blocked.get(owner) ?? { open: 0, until: 0 };
    this.#blocked.set(owner, known);
    known.open += 1;
    known.until = this.#clock.monotonic() + penaltyMs;
    child.once('exit', () => {
      known.open -= 1;
    });
  }

  #ended(child: ChildProcess): void {
    if (child === this.#child) this.#giveUp();
  }

  #forget(): void {
    this.#timer?.[Symbol.dispose]();
    this.#child?.stdout?.removeAllListeners('data');
    this.#child = undefined;
    this.#current = undefined;
    this.#isReady = false;
    this.#answer = '';
  }

  #wait(ms: number, run: () => void): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.after(ms, run);
  }

  #end(): void {
    const child = this.#child;
    this.#forget();
    child?.kill('SIGKILL');
  }

  /** Ends the process; nothing is answered any more. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#current?.done(undefined);
    for (const each of this.#waiting.splice(0)) each.done(undefined);
    this.#end();
  }
}
