import { spawn, type ChildProcess } from 'node:child_process';

/** How a program ended. `exitCode` is null when a signal ended it. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How to start a program with {@link startRunning}. */
export interface RunningOptions {
  readonly env?: NodeJS.ProcessEnv;
}

/** A program that goes on while the test does other things; everything it prints is kept. */
export class Running {
  readonly #child: ChildProcess;
  readonly #argv: readonly string[];
  #output = '';
  readonly #waiting = new Set<() => void>();
  /** Fulfilled when the program has ended and what it printed has arrived. */
  readonly ended: Promise<Ending>;

  constructor(child: ChildProcess, argv: readonly string[]) {
    this.#child = child;
    this.#argv = argv;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#wake();
      });
    }
    // Writing to a program that has just ended is reported by its ending.
    child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#output += `${error.message}\n`;
        resolve({ exitCode: 127, signal: null });
      });
      child.once('close', (exitCode, signal) => resolve({ exitCode, signal }));
      // Children that outlive it keep its pipes open; what it printed itself has arrived by then.
      child.once('exit', (exitCode, signal) => setTimeout(() => resolve({ exitCode, signal }), 100));
    });
    void this.ended.then(() => this.#wake());
  }

  /** Its process id, the same inside and outside of the lab. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`Could not start ${this.#argv.join(' ')}: ${this.#output}`);
    return this.#child.pid;
  }

  /** Whether it has not ended yet. */
  get alive(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it has printed so far on both streams, in order of arrival. */
  get output(): string {
    return this.#output;
  }

  /** Writes to its standard input. */
  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    if (this.alive) this.#child.kill(signal);
    return this.ended;
  }

  /**
   * Waits until the output holds `pattern`, counting from the start.
   *
   * @throws when it ends without, or `timeoutMs` (10 s unless told) pass first; the message holds the output.
   */
  async printed(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found) return found;
      const left = deadline - performance.now();
      if (!this.alive || left <= 0) {
        const why = this.alive ? `not within ${timeoutMs} ms` : 'it ended';
        throw new Error(`${this.#argv.join(' ')} did not print ${pattern}: ${why}\n${this.#output}`);
      }
      await this.#change(left);
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiting.add(done);
    });
  }
}

/** Starts a program with pipes on all three standard streams. */
export function startRunning(argv: readonly string[], { env }: RunningOptions = {}): Running {
  const [file = '', ...args] = argv;
  return new Running(spawn(file, args, { stdio: 'pipe', ...(env ? { env } : {}) }), argv);
}
