import { isSessionName } from '../spec/names.ts';
import { checkPrefix } from '../spec/session-names.ts';
import type { Io } from './io.ts';

/** What tells a session from another: the names of its sandbox and its instance. */
interface Named {
  readonly name: string;
  readonly instance: string;
}

/**
 * Tells whether a sandbox is among "all" for this caller: sessions are where their containers begin with the prefix of the
 * caller, declared ones always.
 *
 * @throws {Problem} `session.prefix` when `COI_CONTAINER_PREFIX` cannot begin a name
 */
export function ownPrefix({ env }: Pick<Io, 'env'>): (sandbox: Named) => boolean {
  const prefix = checkPrefix(env['COI_CONTAINER_PREFIX']);
  return ({ name, instance }) => !isSessionName(name) || instance.startsWith(prefix);
}
