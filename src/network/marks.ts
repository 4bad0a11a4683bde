/**
 * Bits of the packet mark that coi owns. No other program on the host may use them.
 *
 * `identity` is set by the bridge table on frames whose port, MAC and address belong together, `passed` by the policy on
 * packets it lets through. What lacks one of them is dropped by the next chain, and what lacks `passed` by the kernel's
 * transformation policies too, so that a missing chain, table or ruleset closes instead of opening.
 */
export const marks = { identity: 0x1000_0000, passed: 0x2000_0000 } as const;

/** A mark as nft and ip print and take it. */
export function renderMark(mark: number): string {
  return `0x${mark.toString(16)}`;
}
