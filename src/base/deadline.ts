import type { Clock } from './clock.ts';

/** A signal that aborts when time is up or when the caller's own signal does. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Whether it was time, and not the caller, that aborted. */
  hasPassed(): boolean;
}

/** Joins a time limit in milliseconds with a caller's signal. Dispose of it: it then holds on to neither. */
export function openDeadline(clock: Clock, ms: number, signal?: AbortSignal): Deadline {
  const controller = new AbortController();
  let passed = false;
  const stop = () => controller.abort(signal?.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  const timer = clock.after(ms, () => {
    passed = !controller.signal.aborted;
    controller.abort();
  });
  return {
    signal: controller.signal,
    hasPassed: () => passed,
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      signal?.removeEventListener('abort', stop);
    },
  };
}
