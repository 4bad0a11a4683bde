/**
 * Bits of the packet mark that coi owns. No other program on the host may use them.
 *
 * `identity` is set by the bridge table on frames whose port, MAC and address belong together, `passed` by the policy on
 * packets it lets through. What lacks one of them is dropped by the next chain, and what lacks `passed` by the kernel's
 * transformation policies too, so that a missing chain, table or ruleset closes instead of opening.
 *
 * The others are used only while another firewall judges: `literal` and `resolved` tell it that an allowlist names the
 * destination, by address or by a name that led there; `allowed` is its verdict; `kind` holds where a packet goes, for
 * its own rules to build on.
 */
export const marks = {
  identity: 0x1000_0000,
  passed: 0x2000_0000,
  allowed: 0x4000_0000,
  resolved: 0x8000_0000,
  literal: 0x0100_0000,
  kind: 0x0e00_0000,
} as const;

/** A mark as nft and ip print and take it. */
export function renderMark(mark: number): string {
  return `0x${mark.toString(16)}`;
}
