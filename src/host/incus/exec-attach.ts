import { untilAborted } from '../../base/until-aborted.ts';
import type { Api } from './api.ts';
import { withEnvironment } from './exec-environment.ts';
import { allOpened, beginExec, exitCodeOf, secretsOf, whatOf, type ExecRequest } from './exec-operation.ts';
import { openExecSocket, type ExecSocket } from './exec-socket.ts';
import { forward, paced, signalMessage, type Sink } from './exec-streams.ts';
import { openGatedAgent, type GatedAgent } from './gated-agent.ts';
import type { StartedOperation } from './operation.ts';
import type { Operations } from './operations.ts';

/** A program with streams that somebody holds. */
export interface AttachRequest extends ExecRequest {
  /** Handed over by stdin, so that no value shows on a command line of the host. Needs a POSIX sh inside. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Ends the program by SIGKILL. */
  readonly signal: AbortSignal;
}

/** A program that runs inside. */
export interface Attached {
  /** Send it a signal by its number. Does nothing once it has ended. */
  readonly send: (signal: number) => void;
  /**
   * Its exit code, once all of its output was taken. 126 and 127: it could not be run; 128 + n: ended by signal n.
   * Rejects with the reason of the request's signal when that aborts.
   */
  readonly exitCode: Promise<number>;
}

/**
 * Start a program whose streams go on as they come, any bytes, as fast as the slower side of each.
 *
 * @throws {IncusError} `conflict` when the instance does not run
 * @see Incus documentation, "REST API", "instances/NAME/exec"
 */
export async function attachProgram(api: Api, operations: Operations, request: AttachRequest): Promise<Attached> {
  const { signal } = request;
  const wrapped = withEnvironment(request.argv, request.env);
  const what = whatOf(request.name, request.argv);
  const started = await beginExec(api, what, { ...request, argv: wrapped.argv });
  const streams = openStreams(api, started, request);
  const kill = () => streams.control.send(signalMessage(9));
  signal.addEventListener('abort', kill, { once: true });
  const close = async () => {
    signal.removeEventListener('abort', kill);
    await streams.close();
  };
  try {
    await untilAborted(allOpened(api, what, streams.all), signal);
  } catch (error) {
    await close();
    throw error;
  }
  streams.stdin.send(Buffer.from(wrapped.preamble));
  const ended = new AbortController();
  void forward(request.stdin, { socket: streams.stdin, gate: streams.input }, AbortSignal.any([signal, ended.signal]));
  const exitCode = async () => {
    try {
      // The last of the output is the end, as a rule: asking afterwards costs one request, waiting at Incus three.
      await untilAborted(streams.taken(), signal);
      const end = await exitCodeOf(operations, { ...started, what }, signal);
      if (end.refusal) await request.stderr(Buffer.from(end.refusal));
      return end.exitCode;
    } finally {
      ended.abort();
      await close();
    }
  };
  return { send: (number) => streams.control.send(signalMessage(number)), exitCode: exitCode() };
}

interface Streams {
  readonly control: ExecSocket;
  readonly stdin: ExecSocket;
  readonly input: GatedAgent;
  readonly all: readonly ExecSocket[];
  /** Resolves when everything that the program wrote was taken. */
  taken(): Promise<void>;
  close(): Promise<void>;
}

function openStreams(api: Api, started: StartedOperation, { stdout, stderr }: AttachRequest): Streams {
  const secrets = secretsOf(started);
  const { socketPath } = api.transport;
  const operation = started.operation.id;
  const input = openGatedAgent(socketPath);
  const outputs = [
    { gate: openGatedAgent(socketPath), secret: secrets['1'], sink: stdout },
    { gate: openGatedAgent(socketPath), secret: secrets['2'], sink: stderr },
  ].map(({ gate, secret, sink }) => {
    const flow = paced(gate, sink);
    return { gate, flow, socket: openExecSocket(api.transport, { operation, secret, gate, onData: flow.put }) };
  });
  const control = openExecSocket(api.transport, { operation, secret: secrets.control });
  const stdin = openExecSocket(api.transport, { operation, secret: secrets['0'], gate: input });
  const all = [control, stdin, ...outputs.map(({ socket }) => socket)];
  return {
    control,
    stdin,
    input,
    all,
    taken: async () => {
      await Promise.all(
        outputs.map(async ({ socket, flow }) => {
          await socket.ended;
          await flow.idle();
        }),
      );
    },
    close: async () => {
      for (const socket of all) socket.close();
      await Promise.all([input, ...outputs.map(({ gate }) => gate)].map(({ agent }) => agent.destroy()));
    },
  };
}
