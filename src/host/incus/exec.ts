import type { Api } from './api.ts';
import { attachUntilBegun, type Begun } from './attach-until-begun.ts';
import { openDeadline } from '../../base/deadline.ts';
import { withEnvironment } from './exec-environment.ts';
import { ExecOutput } from './exec-output.ts';
import { attachProgram, type Attached, type AttachRequest } from './exec-attach.ts';
import { allOpened, beginExec, exitCodeOf, secretsOf, whatOf } from './exec-operation.ts';
import { openExecSocket } from './exec-socket.ts';
import { attachTerminal, type AttachedTerminal, type TerminalRequest } from './exec-terminal.ts';
import { IncusError } from './errors.ts';
import type { CallOptions } from './instances.ts';
import type { StartedOperation } from './operation.ts';
import type { Operations } from './operations.ts';
import { ReplayedInput } from './replayed-input.ts';
import { untilBegun } from './until-begun.ts';
import { untilAborted } from '../../base/until-aborted.ts';

/** How a program runs: as whom, where, and with what. */
export interface ExecOptions extends CallOptions {
  /** Incus silently takes another directory when this one is not there. */
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Handed over by stdin, so that no value shows on a command line of the host. Needs a POSIX sh inside. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  /** Longest run in milliseconds; 60,000 unless given. The program is killed then. */
  readonly timeoutMs?: number;
  /** Largest stdout and stderr together, in bytes; 8 MiB unless given. The program is killed beyond. */
  readonly maxOutputBytes?: number;
}

/** What a program left. */
export interface ExecResult {
  /** 126 and 127: it could not be run; 128 + n: ended by signal n. */
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Whether it was killed because it wrote too much. */
  readonly isTruncated: boolean;
}

const kill = JSON.stringify({ command: 'signal', signal: 9 });

/**
 * Programs inside running instances. Arguments are a vector, never a line for a shell.
 * @see Incus documentation, "REST API", "instances/NAME/exec"
 */
export class Exec {
  readonly #api: Api;
  readonly #operations: Operations;

  constructor(api: Api, operations: Operations) {
    this.#api = api;
    this.#operations = operations;
  }

  /**
   * Runs a program to its end.
   *
   * @throws {IncusError} `conflict` when the instance does not run, `transient` (`incus.exec-timeout`) when time is up.
   * @throws the signal's reason when it aborts; the program is killed.
   */
  async run(name: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const { timeoutMs = 60_000, signal } = options;
    using deadline = openDeadline(this.#api.transport.clock, timeoutMs, signal);
    try {
      const limited = { ...options, signal: deadline.signal };
      return await untilBegun(this.#api.transport.clock, deadline.signal, () => this.#run(name, argv, limited));
    } catch (error) {
      if (!deadline.hasPassed()) throw error;
      const text = `it has not ended within ${timeoutMs} ms and was killed`;
      throw new IncusError({ class: 'transient', what: whatOf(name, argv), text, code: 'incus.exec-timeout' });
    }
  }

  async #run(
    name: string,
    argv: readonly string[],
    options: ExecOptions & { signal: AbortSignal },
  ): Promise<ExecResult> {
    const { env = {}, stdin = '', maxOutputBytes = 8 * 2 ** 20, signal } = options;
    const wrapped = withEnvironment(argv, env);
    const what = whatOf(name, argv);
    const started = await beginExec(this.#api, what, { name, ...options, argv: wrapped.argv });
    const output = new ExecOutput(maxOutputBytes, () => streams.control.send(kill));
    const streams = this.#attach(started, output);
    const all = Object.values(streams);
    const stop = () => streams.control.send(kill);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await untilAborted(allOpened(this.#api, what, all), signal);
      for (const data of [wrapped.preamble, stdin]) if (data.length > 0) streams.stdin.send(Buffer.from(data));
      streams.stdin.send('');
      const { exitCode, refusal } = await exitCodeOf(this.#operations, started, signal);
      if (refusal) output.add('stderr', Buffer.from(refusal));
      // What the program wrote last may still be on its way.
      await untilAborted(Promise.all([streams.stdout.ended, streams.stderr.ended]), signal);
      return { exitCode, ...output.result() };
    } finally {
      signal.removeEventListener('abort', stop);
      for (const stream of all) stream.close();
    }
  }

  #attach(started: StartedOperation, output: ExecOutput) {
    const secrets = secretsOf(started);
    const open = (secret: string, onData?: (chunk: Buffer) => void) =>
      openExecSocket(this.#api.transport, { operation: started.operation.id, secret, ...(onData ? { onData } : {}) });
    return {
      control: open(secrets.control),
      stdin: open(secrets['0']),
      stdout: open(secrets['1'], (chunk) => output.add('stdout', chunk)),
      stderr: open(secrets['2'], (chunk) => output.add('stderr', chunk)),
    };
  }

  /**
   * Starts a program whose streams go on as they come.
   *
   * @throws as {@link attachProgram}
   */
  async attach(request: AttachRequest): Promise<Attached> {
    const { say, exitCode } = await this.#untilBegun(request, attachProgram);
    return { send: (signal) => say((program) => program.send(signal)), exitCode };
  }

  /**
   * Starts a program in a terminal of its own.
   *
   * @throws as {@link attachTerminal}
   */
  async terminal(request: TerminalRequest): Promise<AttachedTerminal> {
    const { say, exitCode } = await this.#untilBegun(request, attachTerminal);
    return {
      send: (signal) => say((program) => program.send(signal)),
      resize: (size) => say((program) => program.resize(size)),
      exitCode,
    };
  }

  #untilBegun<Request extends AttachRequest | TerminalRequest, Program extends Attached>(
    request: Request,
    attach: (api: Api, operations: Operations, request: Request) => Promise<Program>,
  ): Promise<Begun<Program>> {
    const input = new ReplayedInput(request.stdin);
    return attachUntilBegun(this.#api.transport.clock, {
      begin: () => attach(this.#api, this.#operations, { ...request, stdin: input.read() }),
      mayAgain: () => input.isWhole,
      signal: request.signal,
    });
  }
}
