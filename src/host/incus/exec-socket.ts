import { WebSocket } from 'undici';
import type { GatedAgent } from './gated-agent.ts';
import type { Transport } from './transport.ts';

/** One stream of a program that runs in an instance. */
export interface ExecSocket {
  /** Resolves when connected, rejects when that fails. */
  readonly opened: Promise<void>;
  /** Resolves when the other side has sent all, or the connection is gone. */
  readonly ended: Promise<void>;
  send(data: string | Uint8Array): void;
  close(): void;
}

/** Which stream of which operation. */
export interface ExecStream {
  readonly operation: string;
  readonly secret: string;
  readonly onData?: (chunk: Buffer) => void;
  /** A connection of its own; one of the transport's unless given. */
  readonly gate?: GatedAgent;
}

/**
 * Connects to a stream of an exec operation. Data is binary; an empty text marks the end, in both directions.
 * @see Incus documentation, "REST API", "instances/NAME/exec"
 */
export function openExecSocket(
  transport: Transport,
  { operation, secret, onData = () => {}, gate }: ExecStream,
): ExecSocket {
  const route = '/1.0/operations/{operation}/websocket';
  const url = transport.url({ route, params: { operation }, query: { secret } }).replace(/^http/, 'ws');
  const socket = new WebSocket(url, { dispatcher: gate?.agent ?? transport.agent });
  socket.binaryType = 'arraybuffer';
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const lost = () => {
    opened.reject(new Error('the connection to the program was closed'));
    ended.resolve();
  };
  socket.addEventListener('open', () => opened.resolve());
  socket.addEventListener('message', ({ data }) => {
    if (data instanceof ArrayBuffer) onData(Buffer.from(data));
    else ended.resolve();
  });
  // incusd ends these connections without a goodbye, which undici reports as an error.
  socket.addEventListener('error', lost);
  socket.addEventListener('close', lost);
  return {
    opened: opened.promise,
    ended: ended.promise,
    send: (data) => socket.readyState === socket.OPEN && socket.send(data),
    close: () => socket.close(),
  };
}
