/** Growth of waits between tries. Times in milliseconds. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
  /** Largest share by which a wait is made shorter or longer, so that many failures do not retry in step. */
  readonly jitter: number;
}

/** Waits used for reconciling: 250 ms, doubling to 5 min, give or take a fifth. */
export const reconcileBackoff: Backoff = { baseMs: 250, capMs: 300_000, jitter: 0.2 };

/**
 * Wait before the next try.
 *
 * @param failures how many tries in a row have failed, from 1
 * @param random a number in [0, 1)
 */
export function backoffMs({ baseMs, capMs, jitter }: Backoff, failures: number, random: number): number {
  const wait = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return wait * (1 - jitter + 2 * jitter * random);
}
