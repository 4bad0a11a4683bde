import { createHash } from 'node:crypto';

/**
 * The id of the session in an instance that nobody opened a session for: always the same for the same instance, in the form
 * of a random UUID, which is what agents ask for.
 *
 * @see RFC 9562, section 5.4
 */
export function sessionIdOf(instanceUid: string): string {
  const bytes = createHash('sha256').update(instanceUid).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
