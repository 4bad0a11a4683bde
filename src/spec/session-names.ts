import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { Problem } from '../base/problem.ts';
import { nameLimit } from './names.ts';

/** What instance names begin with unless `COI_CONTAINER_PREFIX` says otherwise. */
export const usualPrefix = 'coi-';

/** Which session it is. */
export interface SessionId {
  /** What its instance name begins with, dash included. */
  readonly prefix: string;
  /** Of its workspace: eight hex digits. */
  readonly hash: string;
  readonly slot: number;
}

/** The names of one session. */
export interface SessionNames {
  /** Of its sandbox. Other prefixes are part of it, so that they never meet. */
  readonly name: string;
  /** Of its Incus instance. */
  readonly instance: string;
}

/** The workspace's part of names: 8 hex digits of SHA-256 over the absolute path, cleaned, with its links as they are. */
export function workspaceHash(path: string): string {
  return createHash('sha256').update(posix.resolve('/', path)).digest('hex').slice(0, 8);
}

/** What a session is called: `<hash8>-<slot>` and `coi-<hash8>-<slot>`; with another prefix both begin with that one. */
export function sessionNames({ prefix, hash, slot }: SessionId): SessionNames {
  const own = `${hash}-${slot}`;
  return { name: prefix === usualPrefix ? own : `${prefix}${own}`, instance: `${prefix}${own}` };
}

const instancePattern = /^([a-z][a-z0-9-]*-)([0-9a-f]{8})-([1-9][0-9]*)$/;

/** Which session an instance is by its name; undefined when it is none. */
export function parseSessionInstance(instance: string): SessionId | undefined {
  const [, prefix, hash, slot] = instancePattern.exec(instance) ?? [];
  return prefix && hash && slot ? { prefix, hash, slot: Number(slot) } : undefined;
}

/** A hash, a dash and a slot of two digits have to follow within the limit of names. */
const longestPrefix = nameLimit - 11;

/**
 * What instance names are to begin with, from `COI_CONTAINER_PREFIX`.
 *
 * @throws {Problem} `session.prefix` when no instance or sandbox could have such a name
 */
export function checkPrefix(text: string | undefined): string {
  if (text === undefined || text === '') return usualPrefix;
  const isUsable = /^[a-z][a-z0-9-]*-$/.test(text) && text.length <= longestPrefix;
  // Names that begin so belong to instances that are being deleted.
  if (isUsable && !/^(?:coi-)?del-/.test(text)) return text;
  throw new Problem({
    code: 'session.prefix',
    message: `COI_CONTAINER_PREFIX is ${JSON.stringify(text.slice(0, 80))}, which no container's name can begin with`,
    hint:
      `Use up to ${longestPrefix} lower-case letters, digits and dashes: a letter first, a dash last, ` +
      'and not "del-". Or unset it.',
  });
}
