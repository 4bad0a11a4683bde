import type { ExecSocket } from './exec-socket.ts';
import type { GatedAgent } from './gated-agent.ts';

/** Takes a part of what a program writes; the program is held up until it resolves. */
export type Sink = (chunk: Buffer) => Promise<void>;

/** Incus' own limit is 32 KiB a message for what programs write; the same the other way. */
const largestMessage = 32 * 2 ** 10;

/** What the control stream takes to send a signal by its number. */
export function signalMessage(signal: number): string {
  return JSON.stringify({ command: 'signal', signal });
}

/** Hands chunks on one after the other, and holds up the connection while one of them is being taken. */
export function paced(gate: GatedAgent, sink: Sink) {
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  const put = (chunk: Buffer): void => {
    waiting += 1;
    gate.hold();
    last = last
      .then(() => sink(chunk))
      .finally(() => {
        waiting -= 1;
        if (waiting === 0) gate.release();
      });
    // Whoever waits for the end is told; until then nobody listens.
    last.catch(() => undefined);
  };
  return { put, idle: () => last };
}

/** Where input goes. */
export interface Inlet {
  readonly socket: ExecSocket;
  readonly gate: GatedAgent;
}

/** Everything from stdin, then its end. */
export async function forward(
  stdin: AsyncIterable<Uint8Array>,
  { socket, gate }: Inlet,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const chunk of stdin) {
      for (let from = 0; from < chunk.length; from += largestMessage) {
        socket.send(chunk.subarray(from, from + largestMessage));
        await gate.drained(signal);
      }
      if (signal.aborted) return;
    }
    socket.send('');
  } catch {
    // Nothing more can be read, as when a terminal goes away: for the program that is the end of it.
    if (!signal.aborted) socket.send('');
  }
}
