import { pause, type Clock } from '../../base/clock.ts';
import { isIncusError } from './errors.ts';

/** How long it is tried to begin a program, and how long after another, in milliseconds: a system may take that long to boot. */
const patienceMs = 20_000;
const betweenMs = 500;

/**
 * On a busy host, while a container comes up, Incus may lose its helper before that has begun the program: seen on 6.0.4.
 * Then nothing ran, and it is tried again.
 *
 * @param run is told which try it is, from 0
 * @param mayAgain whether there is everything that it takes
 */
export async function untilBegun<T>(
  clock: Clock,
  signal: AbortSignal,
  run: (at: number) => Promise<T>,
  mayAgain: () => boolean = () => true,
): Promise<T> {
  const began = clock.monotonic();
  for (let at = 0; ; at += 1) {
    try {
      return await run(at);
    } catch (error) {
      const neverBegan = isIncusError(error) && error.code === 'incus.exec-not-begun';
      if (!neverBegan || clock.monotonic() - began >= patienceMs || !mayAgain()) throw error;
      await pause(clock, betweenMs, signal);
      signal.throwIfAborted();
    }
  }
}
