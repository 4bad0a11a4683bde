import { renderDuration } from '../base/units.ts';
import type { Io } from './io.ts';

/** Waits shorter than this are not mentioned. */
const quietMs = 2_000;

/**
 * Say on stderr that something takes long: on a terminal one line that counts, elsewhere a line every 10 s.
 * Ends, and clears the line, when disposed of.
 */
export function showProgress(io: Io, what: string): Disposable {
  const isAnimated = io.stderr.isTTY && io.env['TERM'] !== 'dumb';
  const everyMs = isAnimated ? 500 : 10_000;
  const startedAt = io.clock.monotonic();
  let shown = false;
  let timer = io.clock.after(isAnimated ? quietMs : everyMs, tick);
  function tick(): void {
    const text = `${what} … ${renderDuration(io.clock.monotonic() - startedAt)}`;
    io.stderr.write(isAnimated ? `\r${text}\u001B[K` : `${text}\n`);
    shown = true;
    timer = io.clock.after(everyMs, tick);
  }
  return {
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      if (shown && isAnimated) io.stderr.write('\r\u001B[K');
    },
  };
}
