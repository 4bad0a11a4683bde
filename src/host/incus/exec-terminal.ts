import { untilAborted } from '../../base/until-aborted.ts';
import type { Api } from './api.ts';
import type { Attached } from './exec-attach.ts';
import { allOpened, beginExec, exitCodeOf, terminalSecretsOf, whatOf, type ExecRequest } from './exec-operation.ts';
import { openExecSocket } from './exec-socket.ts';
import { forward, paced, signalMessage, type Sink } from './exec-streams.ts';
import { openGatedAgent } from './gated-agent.ts';
import type { Operations } from './operations.ts';

/** Size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A program that gets a terminal of its own inside, shown in one outside. */
export interface TerminalRequest extends ExecRequest {
  /** Shows on command lines of the host: nothing secret. */
  readonly environment: Readonly<Record<string, string>>;
  /** Bytes of the keyboard. */
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Sink;
  readonly size: TerminalSize;
  /** Ends the program by SIGKILL. */
  readonly signal: AbortSignal;
}

/** A program in a terminal. */
export interface AttachedTerminal extends Attached {
  readonly resize: (size: TerminalSize) => void;
}

/**
 * Start a program in a terminal. When the connection goes away, the program gets SIGHUP.
 *
 * @throws {IncusError} `conflict` when the instance does not run
 * @see Incus documentation, "REST API", "instances/NAME/exec"
 */
export async function attachTerminal(
  api: Api,
  operations: Operations,
  request: TerminalRequest,
): Promise<AttachedTerminal> {
  const { signal, environment, size } = request;
  const what = whatOf(request.name, request.argv);
  const started = await beginExec(api, what, { ...request, terminal: { environment, ...size } });
  const secrets = terminalSecretsOf(started);
  const gate = openGatedAgent(api.transport.socketPath);
  const flow = paced(gate, request.stdout);
  const operation = started.operation.id;
  const screen = openExecSocket(api.transport, { operation, secret: secrets['0'], gate, onData: flow.put });
  const control = openExecSocket(api.transport, { operation, secret: secrets.control });
  const kill = () => control.send(signalMessage(9));
  signal.addEventListener('abort', kill, { once: true });
  const close = async () => {
    signal.removeEventListener('abort', kill);
    for (const socket of [screen, control]) socket.close();
    await gate.agent.destroy();
  };
  try {
    await untilAborted(allOpened(api, what, [screen, control]), signal);
  } catch (error) {
    await close();
    throw error;
  }
  const ended = new AbortController();
  void forward(request.stdin, { socket: screen, gate }, AbortSignal.any([signal, ended.signal]));
  const exitCode = async () => {
    try {
      await untilAborted(screen.ended, signal);
      await untilAborted(flow.idle(), signal);
      // Incus waits for the end of both directions before it says how the program ended.
      ended.abort();
      screen.send('');
      return (await exitCodeOf(operations, { ...started, what }, signal)).exitCode;
    } finally {
      ended.abort();
      await close();
    }
  };
  return {
    send: (number) => control.send(signalMessage(number)),
    resize: ({ columns, rows }) => {
      const args = { width: String(columns), height: String(rows) };
      control.send(JSON.stringify({ command: 'window-resize', args }));
    },
    exitCode: exitCode(),
  };
}
