/** How many refused packets of one sandbox are logged: the same cause many times over says nothing new. */
export const logLimit = { perSecond: 5, burst: 20 } as const;

/** Prefix of the lines that a sandbox's refused packets leave in the kernel log. */
export function logPrefix(uid: string): string {
  return `coi-deny ${uid} `;
}
