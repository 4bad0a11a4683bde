import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { startRunning, type Running } from './running.ts';

/** What a program run inside a lab printed and how it ended; a program ended by a signal or time limit has exit code -1. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** How to run a program inside a lab. */
export interface InsideOptions {
  /** Standard input; empty unless given. */
  readonly input?: string | Uint8Array;
  /** Milliseconds until it is killed, 60 s unless given. */
  readonly timeoutMs?: number;
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory, that of the test unless given. */
  readonly cwd?: string;
}

/** How long it is tried to have Incus begin a program, in milliseconds. */
const execPatienceMs = 20_000;

/** On a busy machine, while a system boots inside, Incus may lose its helper before that has begun the program. */
function isNotBegun([file, verb]: readonly string[], { stderr }: RunResult): boolean {
  return file === 'incus' && verb === 'exec' && stderr.includes('Failed to retrieve PID of executing child process');
}

/** Runs programs in the network and mount namespaces of a lab or of one of its neighbours. */
export class Inside {
  /** A process in those namespaces. */
  readonly pid: number;
  readonly #env: Readonly<Record<string, string>>;

  constructor(pid: number, env: Readonly<Record<string, string>>) {
    this.pid = pid;
    this.#env = env;
  }

  /** The network namespace, as `nsenter --net=` takes it. */
  get netns(): string {
    return `/proc/${this.pid}/ns/net`;
  }

  /** The argument vector that runs `argv` inside. The program replaces nsenter: the process id stays. */
  argv(argv: readonly string[], cwd: string = process.cwd()): string[] {
    // Entering a mount namespace leads to its root directory, hence env.
    return ['nsenter', '--target', String(this.pid), '--net', '--mount', 'env', `--chdir=${cwd}`, ...argv];
  }

  /** Runs a program to its end. Never throws for what the program does: look at `exitCode`. */
  async run(argv: readonly string[], options: InsideOptions = {}): Promise<RunResult> {
    const deadline = performance.now() + execPatienceMs;
    for (;;) {
      const result = await this.#run(argv, options);
      if (!isNotBegun(argv, result) || performance.now() > deadline) return result;
      await sleep(200);
    }
  }

  async #run(argv: readonly string[], { input, timeoutMs = 60_000, env, cwd }: InsideOptions = {}): Promise<RunResult> {
    const [file = '', ...args] = this.argv(argv, cwd);
    const { stdout, stderr, exitCode } = await execa(file, args, {
      reject: false,
      timeout: timeoutMs,
      forceKillAfterDelay: 500,
      env: { ...this.#env, ...env },
      input: input ?? '',
    });
    return { stdout, stderr, exitCode: exitCode ?? -1 };
  }

  /**
   * Runs a program to its end and gives what it printed.
   *
   * @throws when it does not end with 0; the message holds what it printed.
   */
  async output(argv: readonly string[], options: InsideOptions = {}): Promise<string> {
    const { stdout, stderr, exitCode } = await this.run(argv, options);
    if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${exitCode}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Starts a program that goes on. It ends with the lab at the latest. */
  spawn(argv: readonly string[], { env, cwd }: Pick<InsideOptions, 'env' | 'cwd'> = {}): Running {
    return startRunning(this.argv(argv, cwd), { env: { ...process.env, ...this.#env, ...env } });
  }
}
