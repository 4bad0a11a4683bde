/*
 * How long what was looked up counts. Times in seconds.
 */

/** Longest time an answer counts, whatever it says itself: a client that is told less asks sooner. */
export const longestTtl = 3_600;

/** How long an address may be reached after its answer has run out: programs keep what they were told a little longer. */
export const graceTime = 300;

/** An address that may be reached for at least this much longer than its answer counts needs no writing before the answer. */
export const leastMargin = 60;

/** Time to live of an answer from the last time that servers answered. See RFC 8767, section 5. */
export const staleTtl = 30;

/** The time to live that is passed on. */
export function clampTtl(seconds: number): number {
  return Math.max(0, Math.min(longestTtl, Math.floor(seconds)));
}
