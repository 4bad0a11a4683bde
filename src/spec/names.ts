/** Longest sandbox name: with `coi-` before it, it makes 63, Incus' limit for instance names. */
export const nameLimit = 59;

/**
 * Whether a name is a session's: eight hex digits of the workspace's hash, a dash, and the slot; with a prefix before it
 * where `COI_CONTAINER_PREFIX` asks for one.
 */
export function isSessionName(name: string): boolean {
  return /^(?:[a-z][a-z0-9-]*-)?[0-9a-f]{8}-[0-9]+$/.test(name);
}

/** Ids of sessions: one part of a path that can neither lead upwards, nor hide, nor be taken for an option. */
export const sessionIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** How many sessions of one workspace there are at most: slots 1 to this one. */
export const slotCount = 10;

/** Whether an image is named by its whole fingerprint, and not by an alias. */
export function isFingerprint(image: string): boolean {
  return /^[0-9a-f]{64}$/.test(image);
}

/** Whether a text may be the fingerprint of an image, or its beginning, which Incus takes, too. */
export function mayBeFingerprint(text: string): boolean {
  return /^[0-9a-f]{12,64}$/.test(text);
}
