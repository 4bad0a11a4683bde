import { setTimeout as delay } from 'node:timers/promises';

/** Longest wait a Node timer takes: beyond 2^31-1 ms it fires at once. */
const longestTimerMs = 3_600_000;

/** Time as the program sees it, handed in so that tests decide what it is. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. Jumps when somebody sets the clock: for lifetimes and schedules only. */
  now(): number;
  /** Milliseconds since an arbitrary start that never go back: for waits and backoff. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms` unless disposed of before; keeps no process alive. */
  after(ms: number, run: () => void): Disposable;
}

/**
 * Waits for `ms` or until the signal aborts, whichever is first, for loops that look at the signal themselves.
 *
 * @throws what `sleep` throws for any other reason
 */
export async function pause(clock: Pick<Clock, 'sleep'>, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    // The end of the wait was asked for.
    if (!signal.aborted) throw error;
  }
}

/** The machine's own clock. Waits of any length are safe. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      for (let left = ms; left > 0; left -= longestTimerMs) {
        await delay(Math.min(left, longestTimerMs), undefined, signal ? { signal } : {});
      }
    } catch (error) {
      // Node wraps the reason in an error of its own.
      signal?.throwIfAborted();
      throw error;
    }
  },
  after(ms, run) {
    let timer: NodeJS.Timeout;
    const arm = (left: number) => {
      const slice = Math.min(left, longestTimerMs);
      timer = setTimeout(() => (left > slice ? arm(left - slice) : run()), slice);
      timer.unref();
    };
    arm(Math.max(0, ms));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
