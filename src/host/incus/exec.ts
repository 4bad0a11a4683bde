import { z } from 'zod';
import type { Api } from './api.ts';
import { silenceError } from './classify.ts';
import { openDeadline } from '../../base/deadline.ts';
import { withEnvironment } from './exec-environment.ts';
import { ExecOutput } from './exec-output.ts';
import { openExecSocket, type ExecSocket } from './exec-socket.ts';
import { IncusError } from './errors.ts';
import type { CallOptions } from './instances.ts';
import type { StartedOperation } from './operation.ts';
import type { Operations } from './operations.ts';
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

const fdsSchema = z.object({ '0': z.string(), '1': z.string(), '2': z.string(), control: z.string() });
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
      return await this.#run(name, argv, { ...options, signal: deadline.signal });
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
    const started = await this.#begin(name, wrapped.argv, options);
    const output = new ExecOutput(maxOutputBytes, () => streams.control.send(kill));
    const streams = this.#attach({ ...started, what: whatOf(name, argv) }, output);
    const all = Object.values(streams);
    const stop = () => streams.control.send(kill);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await untilAborted(this.#opened(started, all), signal);
      for (const data of [wrapped.preamble, stdin]) if (data.length > 0) streams.stdin.send(Buffer.from(data));
      streams.stdin.send('');
      const exitCode = await this.#exitCode({ ...started, what: whatOf(name, argv) }, { signal, output });
      // What the program wrote last may still be on its way.
      await untilAborted(Promise.all([streams.stdout.ended, streams.stderr.ended]), signal);
      return { exitCode, ...output.result() };
    } finally {
      signal.removeEventListener('abort', stop);
      for (const stream of all) stream.close();
    }
  }

  async #begin(name: string, argv: readonly string[], { cwd, uid, gid, signal }: ExecOptions) {
    return this.#api.begin({
      method: 'POST',
      route: '/1.0/instances/{name}/exec',
      what: whatOf(name, argv),
      params: { name },
      json: {
        command: argv,
        interactive: false,
        'wait-for-websocket': true,
        'record-output': false,
        ...(cwd === undefined ? {} : { cwd }),
        ...(uid === undefined ? {} : { user: uid }),
        ...(gid === undefined ? {} : { group: gid }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  #attach({ operation, what }: StartedOperation, output: ExecOutput) {
    const fds = fdsSchema.safeParse(operation.metadata['fds']);
    if (!fds.success) {
      throw new IncusError({ class: 'unknown-outcome', what, text: 'Incus gave no streams', cause: fds.error });
    }
    const open = (secret: string, onData?: (chunk: Buffer) => void) =>
      openExecSocket(this.#api.transport, { operation: operation.id, secret, ...(onData ? { onData } : {}) });
    return {
      control: open(fds.data.control),
      stdin: open(fds.data['0']),
      stdout: open(fds.data['1'], (chunk) => output.add('stdout', chunk)),
      stderr: open(fds.data['2'], (chunk) => output.add('stderr', chunk)),
    };
  }

  async #opened({ what }: StartedOperation, streams: readonly ExecSocket[]): Promise<void> {
    try {
      await Promise.all(streams.map(({ opened }) => opened));
    } catch (cause) {
      throw silenceError({ what, socketPath: this.#api.transport.socketPath, isWrite: true, cause });
    }
  }

  async #exitCode(
    started: StartedOperation,
    { signal, output }: { signal: AbortSignal; output: ExecOutput },
  ): Promise<number> {
    const outcome = await this.#operations.wait(started, { signal, timeoutMs: 2 ** 31 });
    if (outcome.kind === 'unknown') {
      const text = 'Incus no longer knows how it ended';
      throw new IncusError({ class: 'unknown-outcome', what: started.what, text });
    }
    if (outcome.kind === 'success') return Number(outcome.metadata['return']);
    // A program that cannot be run fails the operation, but shells have exit codes for it.
    if (/^Command not (found|executable)/.test(outcome.error.text)) {
      output.add('stderr', Buffer.from(`${outcome.error.text}\n`));
      return outcome.error.text.startsWith('Command not found') ? 127 : 126;
    }
    throw outcome.error;
  }
}

function whatOf(name: string, argv: readonly string[]): string {
  return `run ${JSON.stringify(argv[0] ?? '')} in instance "${name}"`;
}
