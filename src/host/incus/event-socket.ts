import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ping, WebSocket } from 'undici';
import type { Transport } from './transport.ts';

/** What happens on the connection; nothing is called after `onEnd`, which is called exactly once. */
export interface EventSocketHandlers {
  readonly onOpen: () => void;
  readonly onText: (text: string) => void;
  readonly onEnd: () => void;
}

/** One connection to the event stream. */
export interface EventSocket {
  /** Ends it; `onEnd` follows at once. */
  close(): void;
}

/** A connection that is silent for two of these, although pinged, is given up. incusd 6.0 itself pings every 10 s. */
const pingIntervalMs = 15_000;

const livenessChannels = ['undici:websocket:ping', 'undici:websocket:pong'];

/** Connects to `/1.0/events` once. Failures of any kind end in `onEnd`. */
export function openEventSocket(transport: Transport, { onOpen, onText, onEnd }: EventSocketHandlers): EventSocket {
  const query = { type: 'lifecycle,operation' };
  const url = transport.url({ route: '/1.0/events', query }).replace(/^http/, 'ws');
  const socket = new WebSocket(url, { dispatcher: transport.agent });
  let isAlive = true;
  let hasEnded = false;
  const onLife = (message: unknown) => {
    if ((message as { websocket?: unknown }).websocket === socket) isAlive = true;
  };
  const end = () => {
    if (hasEnded) return;
    hasEnded = true;
    timer[Symbol.dispose]();
    for (const channel of livenessChannels) unsubscribe(channel, onLife);
    socket.close();
    onEnd();
  };
  const check = () => {
    if (!isAlive) return end();
    isAlive = false;
    ping(socket);
    timer = transport.clock.after(pingIntervalMs, check);
  };
  // The first check comes before a connect that hangs could be noticed otherwise.
  let timer = transport.clock.after(pingIntervalMs, () => (socket.readyState === socket.OPEN ? check() : end()));
  for (const channel of livenessChannels) subscribe(channel, onLife);
  socket.addEventListener('open', () => hasEnded || onOpen());
  socket.addEventListener('message', ({ data }) => {
    isAlive = true;
    if (!hasEnded) onText(typeof data === 'string' ? data : '');
  });
  socket.addEventListener('error', end);
  socket.addEventListener('close', end);
  return { close: end };
}
