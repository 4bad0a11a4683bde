import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

/** What says that nobody reads any more, on a connection to a local socket. */
const goneCodes = new Set(['EPIPE', 'ECONNRESET']);

/**
 * Connects undici to Incus' unix socket, so that what Incus sent is read to its end also when something can no longer be written.
 *
 * incusd pings a program's streams when they open, and closes them as soon as the program has ended. For a short program the
 * answer to that ping comes too late: Node gives up a connection whose write fails, and with it the output that waits unread.
 */
export function incusConnector(socketPath: string): buildConnector.connector {
  const connect = buildConnector({ socketPath });
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (socket) outliveFailedWrites(socket);
      // The two are one pair: either an error or a socket.
      callback(...([error, socket] as Parameters<typeof callback>));
    });
}

type Written = (error?: Error | null) => void;

/** A failed write counts as done: that the other side is gone shows at the end of what it sent. */
function outliveFailedWrites(socket: Socket): void {
  const forgiving =
    (done: Written): Written =>
    (error) =>
      done(error && goneCodes.has((error as NodeJS.ErrnoException).code ?? '') ? undefined : error);
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, done) => write(chunk, encoding, forgiving(done));
  const writev = socket._writev?.bind(socket);
  if (writev) socket._writev = (chunks, done) => writev(chunks, forgiving(done));
}
