import type { Socket } from 'node:net';
import { once } from 'node:events';
import { Agent } from 'undici';
import { incusConnector } from './connector.ts';

/** A connection of its own whose reading can be held up, for a stream that must not outrun whoever reads it. */
export interface GatedAgent {
  readonly agent: Agent;
  /** Read no more until released: the other side is held up once the buffers in between are full. */
  hold(): void;
  release(): void;
  /** Resolves when what was written is no longer waiting in this process. */
  drained(signal: AbortSignal): Promise<void>;
}

/**
 * An agent for one WebSocket. The WebSocket interface knows no back-pressure, and undici resumes its socket by itself
 * whenever its parser has caught up, so that the socket itself has to refuse while it is held.
 */
export function openGatedAgent(socketPath: string): GatedAgent {
  const connectTo = incusConnector(socketPath);
  let socket: Socket | undefined;
  let isHeld = false;
  let resume = (): unknown => undefined;
  const agent = new Agent({
    connect: (options, callback) => {
      connectTo(options, (...[error, made]) => {
        if (made) {
          socket = made;
          const own = made.resume.bind(made);
          resume = own;
          made.resume = () => (isHeld ? made : own());
        }
        callback(...([error, made] as Parameters<typeof callback>));
      });
    },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    agent,
    hold: () => {
      isHeld = true;
      socket?.pause();
    },
    release: () => {
      isHeld = false;
      resume();
    },
    drained: async (signal) => {
      if (socket?.writableNeedDrain) await once(socket, 'drain', { signal });
    },
  };
}
