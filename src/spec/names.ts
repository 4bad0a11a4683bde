/** Longest sandbox name: with `coi-` before it, it makes 63, Incus' limit for instance names. */
export const nameLimit = 59;

/** Whether a name is a session's: eight hex digits of the workspace's hash, a dash, and the slot. */
export function isSessionName(name: string): boolean {
  return /^[0-9a-f]{8}-[0-9]+$/.test(name);
}
