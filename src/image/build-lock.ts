import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { openDeadline } from '../base/deadline.ts';
import { Problem } from '../base/problem.ts';
import { renderDuration } from '../base/units.ts';
import type { Clock } from '../base/clock.ts';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What is built one at a time. */
export interface BuildLockInit {
  /** Which Incus, and what of it: two with the same text exclude each other. */
  readonly subject: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Is told when another process has it. @param how a command that says which one */
  readonly onWait: (how: string) => void;
}

/** Longest wait, in milliseconds: longer than any build takes. */
const longestMs = 6 * 3_600_000;

/** The right to build something, held until disposed of or until the process ends. */
export interface BuildLock extends AsyncDisposable {
  /** Whether somebody else had it meanwhile. */
  readonly hasWaited: boolean;
}

/**
 * Wait for the right to build. It is a socket with an abstract name: it needs no directory that all users may write to, and
 * the kernel takes it back however the process ends. See unix(7). Anybody on the host can listen there, too, and nobody can be
 * asked who he is: so there is an end to waiting, and a way to find out.
 *
 * @throws {Problem} `image.locked` when it takes too long
 * @throws the signal's reason when it aborts
 */
export async function lockBuild(init: BuildLockInit): Promise<BuildLock> {
  const name = `coi-build-${createHash('sha256').update(init.subject).digest('hex').slice(0, 32)}`;
  const how = `ss -xlp | grep ${name}`;
  using deadline = openDeadline(init.clock, longestMs, init.signal);
  try {
    return await waitFor(`\0${name}`, deadline.signal, () => init.onWait(how));
  } catch (error) {
    if (!deadline.hasPassed()) throw error;
    throw new Problem({
      code: 'image.locked',
      message: `Another process has been building for ${renderDuration(longestMs)}, or only has the lock`,
      hint: `Which one it is, root sees with: ${how}`,
    });
  }
}

async function waitFor(path: string, signal: AbortSignal, onWait: () => void): Promise<BuildLock> {
  for (let hasWaited = false; ; hasWaited = true) {
    signal.throwIfAborted();
    const lock = await take(path);
    if (lock) return { hasWaited, [Symbol.asyncDispose]: lock };
    if (!hasWaited) onWait();
    await untilFree(path, signal);
  }
}

async function take(path: string): Promise<(() => Promise<void>) | undefined> {
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    waiting.add(socket);
    // Whoever waits may be called off: that is no concern of ours.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => waiting.delete(socket));
    socket.unref();
  });
  server.unref();
  if (!(await isListening(server, path))) return undefined;
  return async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of waiting) socket.destroy();
    await closed;
  };
}

async function isListening(server: Server, path: string): Promise<boolean> {
  try {
    server.listen(path);
    await once(server, 'listening');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}

/** The connection ends with whoever has the lock. */
async function untilFree(path: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const socket = connect(path);
  const stop = () => void socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  // However it ends, it is tried again.
  socket.on('error', () => undefined);
  socket.on('close', () => resolve());
  socket.resume();
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
