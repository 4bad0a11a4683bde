import { processAt } from '../../host/process/container-process.ts';
import { codeOf, type HeldDirectory } from '../../host/tree/held-directory.ts';
import { metadataName, readMetadata } from './metadata.ts';
import { removeTree, removeTreeIfAllowed } from './remove-tree.ts';
import { checkSessionId, isSessionId } from './session-id.ts';

/**
 * How a session's directory is replaced. The new one is written beside it as `.new-ID-PID-START`, on the disk as a whole
 * before its metadata is; then the old one becomes `.old-ID-PID-START`, the new one takes its name, and the old one is
 * removed. Where all of this was cut off, the directory is there, old or new, or it is missing and what lies beside it
 * with metadata is the session: {@link settle} puts that in its place. PID and START are the process that writes.
 */
interface Leftover {
  readonly name: string;
  readonly id: string;
  readonly writer: { readonly pid: number; readonly startedAt: string };
}

const leftoverPattern = /^\.(?:new|old)-(.+)-([0-9]+)-([0-9]+)$/;

/** Often enough for whoever else replaces the same session meanwhile. */
const tries = 20;

/** Names beside a session's directory for this process to use. */
export function stagingNames(id: string): { readonly fresh: string; readonly old: string } {
  const own = `${checkSessionId(id)}-${process.pid}-${processAt(process.pid)?.startedAt ?? '0'}`;
  return { fresh: `.new-${own}`, old: `.old-${own}` };
}

/** Puts a directory that is complete in the place of a session's. Whoever comes last wins. */
export function promote(sessions: HeldDirectory, id: string): void {
  const { fresh, old } = stagingNames(id);
  for (let left = tries; !moveInto(sessions, fresh, id); left -= 1) {
    if (left === 0) throw new Error(`the session ${id} is being replaced again and again`);
    removeTree(sessions, old);
    moveAside(sessions, id, old);
  }
  sessions.sync();
  discard(sessions, old);
}

/** Removes a copy that another one has replaced. Without its metadata what may stay of it is no session. */
function discard(sessions: HeldDirectory, name: string): void {
  try {
    using directory = sessions.open(name);
    removeTreeIfAllowed(directory, metadataName);
  } catch (error) {
    if (!isNoCopy(error)) throw error;
  }
  removeTreeIfAllowed(sessions, name);
}

/** Moves a directory to a name unless a session is there. */
function moveInto(sessions: HeldDirectory, from: string, id: string): boolean {
  try {
    sessions.rename(from, id);
    return true;
  } catch (error) {
    // rename(2): a directory with something in it, or no directory at all.
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error) ?? '')) return false;
    // Nothing may be lost: what was moved aside goes back.
    restoreOld(sessions, id);
    throw error;
  }
}

function restoreOld(sessions: HeldDirectory, id: string): void {
  const { old } = stagingNames(id);
  if (!sessions.look(id) && sessions.look(old)) sessions.rename(old, id);
}

function moveAside(sessions: HeldDirectory, id: string, old: string): void {
  try {
    sessions.rename(id, old);
  } catch (error) {
    // Somebody else has just done so.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Finishes what processes that are gone have left: a session that was between two names is put back, all else of
 * theirs is removed.
 */
export function settle(sessions: HeldDirectory): void {
  const dead = leftovers(sessions).filter(({ writer }) => !isWriting(writer));
  for (const { id, name } of best(sessions, dead)) {
    if (!sessions.look(id)) moveInto(sessions, name, id);
  }
  for (const { name } of dead) discard(sessions, name);
}

/** Ids of sessions that are between two names right now, and where their data is. Changes nothing. */
export function betweenNames(sessions: HeldDirectory): ReadonlyMap<string, string> {
  const missing = leftovers(sessions).filter(({ id }) => !sessions.look(id));
  return new Map(best(sessions, missing).map(({ id, name }) => [id, name]));
}

/** Ids of sessions of which something lies beside their place: being replaced, or left so. */
export function unsettledIds(sessions: HeldDirectory): ReadonlySet<string> {
  return new Set(leftovers(sessions).map(({ id }) => id));
}

/** Of each session the leftover to go on with: complete, and saved last. */
function best(sessions: HeldDirectory, all: readonly Leftover[]): Leftover[] {
  const complete = all.flatMap((each) => {
    const savedAt = savedAtOf(sessions, each);
    return savedAt === undefined ? [] : [{ ...each, savedAt }];
  });
  const byId = Map.groupBy(complete, ({ id }) => id);
  return [...byId.values()].map((each) => each.reduce((one, other) => (other.savedAt > one.savedAt ? other : one)));
}

/** When a leftover was completed, in milliseconds since 1970; undefined when it is not complete. */
function savedAtOf(sessions: HeldDirectory, { name, id }: Leftover): number | undefined {
  try {
    using directory = sessions.open(name);
    const metadata = readMetadata(directory, id);
    return metadata && Date.parse(metadata.savedAt);
  } catch (error) {
    if (isNoCopy(error)) return undefined;
    throw error;
  }
}

/** Whether it is gone meanwhile, or something that nobody of ours has put there, or kept from its owner. */
function isNoCopy(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(codeOf(error) ?? '');
}

function leftovers(sessions: HeldDirectory): Leftover[] {
  return sessions.names().flatMap((bytes) => {
    const name = bytes.toString('latin1');
    const [, id, pid, startedAt] = leftoverPattern.exec(name) ?? [];
    if (!id || !startedAt || !isSessionId(id)) return [];
    return [{ name, id, writer: { pid: Number(pid), startedAt } }];
  });
}

function isWriting({ pid, startedAt }: Leftover['writer']): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process may have the number: then its start tells.
    if (codeOf(error) !== 'EPERM') return false;
  }
  // What /proc hides from us cannot be told from another's: then the number alone counts.
  return (processAt(pid)?.startedAt ?? startedAt) === startedAt;
}
