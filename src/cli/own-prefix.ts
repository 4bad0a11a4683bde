import { isSessionName } from '../spec/names.ts';
import { checkPrefix, parseSessionInstance, usualPrefix } from '../spec/session-names.ts';
import type { Io } from './io.ts';

/** A sandbox by its name: that of its instance is another one while it waits for its deletion. */
interface Named {
  readonly name: string;
}

/**
 * Tells whether a sandbox is among "all" for this caller: sessions are where the prefix of their containers is the caller's,
 * declared ones always.
 *
 * @throws {Problem} `session.prefix` when `COI_CONTAINER_PREFIX` cannot begin a name
 */
export function ownPrefix({ env }: Pick<Io, 'env'>): (sandbox: Named) => boolean {
  const prefix = checkPrefix(env['COI_CONTAINER_PREFIX']);
  // The usual one is no part of a sandbox's name.
  return ({ name }) => !isSessionName(name) || (parseSessionInstance(name)?.prefix ?? usualPrefix) === prefix;
}
