import { pause, type Clock } from '../../base/clock.ts';
import { isIncusError } from './errors.ts';

/** How often, and how long after another, it is tried to begin a program, in milliseconds. */
const tries = 5;
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
  for (let at = 0; ; at += 1) {
    try {
      return await run(at);
    } catch (error) {
      const neverBegan = isIncusError(error) && error.code === 'incus.exec-not-begun';
      if (!neverBegan || at + 1 >= tries || !mayAgain()) throw error;
      await pause(clock, betweenMs, signal);
      signal.throwIfAborted();
    }
  }
}
