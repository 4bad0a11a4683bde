import { setTimeout as sleep } from 'node:timers/promises';

/** How long {@link until} waits and how often it looks, in milliseconds. */
export interface UntilOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Looks until `look` gives something other than undefined or false, and gives that.
 *
 * @throws after `timeoutMs` (10 s unless told), naming `what` was waited for and what the last look threw.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 50 }: UntilOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>;
      cause = undefined;
    } catch (error) {
      // What is waited for may not exist yet; the last failure is told if it never does.
      cause = error;
    }
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms for ${what}`, { cause });
    await sleep(everyMs);
  }
}
