import { renderDuration } from '../base/units.ts';
import type { Io } from './io.ts';
import { isAnimated } from './style.ts';

/** Waits shorter than this are not mentioned. */
const quietMs = 2_000;

/**
 * Do something, and say on stderr when it takes long: on a terminal one line that counts and is gone at the end, elsewhere
 * a line every 10 s.
 *
 * @param what is done; a function says it anew each time, with how far it is
 */
export async function withProgress<Result>(
  io: Io,
  what: string | (() => string),
  work: () => Promise<Result>,
): Promise<Result> {
  using _ = showProgress(io, what);
  return await work();
}

function showProgress(io: Io, what: string | (() => string)): Disposable {
  const animated = isAnimated(io.stderr, io);
  const everyMs = animated ? 500 : 10_000;
  const startedAt = io.clock.monotonic();
  let shown = false;
  let timer = io.clock.after(animated ? quietMs : everyMs, tick);
  function tick(): void {
    const doing = typeof what === 'string' ? what : what();
    const text = `${doing} … ${renderDuration(io.clock.monotonic() - startedAt)}`;
    io.stderr.write(animated ? `\r${text}\u001B[K` : `${text}\n`);
    shown = true;
    timer = io.clock.after(everyMs, tick);
  }
  return {
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      if (shown && animated) io.stderr.write('\r\u001B[K');
    },
  };
}
