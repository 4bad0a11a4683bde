import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { Problem } from '../../base/problem.ts';
import { codeOf, type HeldDirectory } from '../../host/tree/held-directory.ts';
import { isMetadata, metadataName, readMetadata, type SessionMetadata, writeMetadata } from './metadata.ts';
import { removeTree } from './remove-tree.ts';
import { checkSessionId, isSessionId } from './session-id.ts';
import { betweenNames, settle, unsettledIds } from './staging.ts';

/** How much there is of a session. */
export interface SavedSession extends SessionMetadata {
  /** Whether there is a copy besides the metadata. */
  readonly hasData: boolean;
}

/** Looks for a session that is being replaced at this very moment, again and again. */
const tries = 50;

/** All sessions, the one saved last first. What has no metadata that makes sense is none. */
export function listSessions(sessions: HeldDirectory): SavedSession[] {
  const settled = () => sessions.names().map((name) => name.toString('latin1'));
  // Looked at before and after: one that is being replaced has its name again by the time it is looked for elsewhere.
  const ids = new Set([...settled().filter(isSessionId), ...unsettledIds(sessions), ...settled().filter(isSessionId)]);
  const found = [...ids].flatMap((id) => findSession(sessions, id) ?? []);
  return found.sort((one, other) => Date.parse(other.savedAt) - Date.parse(one.savedAt));
}

/** One session; undefined when there is none of that id. @throws {Problem} `session.id` for what is no id */
export function findSession(sessions: HeldDirectory, id: string): SavedSession | undefined {
  checkSessionId(id);
  for (let left = tries; left > 0; left -= 1) {
    const session = readSession(sessions, id);
    if (session) return session;
    const between = betweenNames(sessions).get(id);
    const moved = between && readSession(sessions, id, between);
    if (moved) return moved;
    if (!unsettledIds(sessions).has(id)) return readSession(sessions, id);
  }
  return undefined;
}

/** The session of a workspace that was saved last. */
export function latestSession(sessions: HeldDirectory, workspace: string): SavedSession | undefined {
  return listSessions(sessions).find((session) => belongsTo(session, workspace));
}

/**
 * A session for the workspace that it is of.
 *
 * @throws {Problem} `session.id`, `session.unknown`, `session.other-workspace`
 */
export function requireSession(sessions: HeldDirectory | undefined, id: string, workspace: string): SavedSession {
  checkSessionId(id);
  const session = sessions && findSession(sessions, id);
  if (!session) {
    throw new Problem({
      code: 'session.unknown',
      message: `There is no saved session ${id}`,
      hint: 'See those there are with: coi list --all',
    });
  }
  if (belongsTo(session, workspace)) return session;
  throw new Problem({
    code: 'session.other-workspace',
    message: `The session ${id} belongs to the workspace ${JSON.stringify(session.workspace)}`,
    hint: 'Resume it from there, or name that directory with --workspace.',
  });
}

/**
 * Writes what is known of a session, which makes it one. Data that is there stays, and so does when it was saved.
 *
 * @returns whether there is data
 */
export function noteSession(sessions: HeldDirectory, metadata: Omit<SessionMetadata, 'leftOut'>): boolean {
  settle(sessions);
  using session = sessions.openOrMake(checkSessionId(metadata.id));
  const before = readMetadata(session, metadata.id);
  const isSaved = before !== undefined && hasData(session);
  const { savedAt } = isSaved ? before : metadata;
  writeMetadata(session, { ...metadata, savedAt, leftOut: before?.leftOut ?? 0 });
  sessions.sync();
  return isSaved;
}

/** Removes a session and all its data. @returns whether there was one */
export function removeSession(sessions: HeldDirectory, id: string): boolean {
  settle(sessions);
  return removeSettled(sessions, checkSessionId(id));
}

/** Removes all sessions, also what is left of some. @returns how many */
export function removeAllSessions(sessions: HeldDirectory): number {
  settle(sessions);
  const ids = sessions.names().map((name) => name.toString('latin1'));
  return ids.filter((id) => isSessionId(id) && removeSettled(sessions, id)).length;
}

function removeSettled(sessions: HeldDirectory, id: string): boolean {
  const stats = sessions.look(id);
  // Without it the rest is no session any more, should this be cut off.
  if (stats?.isDirectory()) forget(sessions, id);
  removeTree(sessions, id);
  sessions.sync();
  return stats !== undefined;
}

function forget(sessions: HeldDirectory, id: string): void {
  using session = sessions.open(id);
  session.removeIfThere(metadataName);
  session.sync();
}

function readSession(sessions: HeldDirectory, id: string, name: string = id): SavedSession | undefined {
  try {
    using session = sessions.open(name);
    const metadata = readMetadata(session, id);
    return metadata && { ...metadata, hasData: hasData(session) };
  } catch (error) {
    // Gone meanwhile, not readable, or no directory: none of ours.
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

function hasData(session: HeldDirectory): boolean {
  return !session.names().every((name) => isMetadata(name.toString('latin1')));
}

/** Whether a session may be resumed from a workspace: the same path, or another one to the same directory. */
export function belongsTo({ workspace }: Pick<SessionMetadata, 'workspace'>, other: string): boolean {
  if (workspace === '' || other === '') return workspace === other;
  if (resolve('/', workspace) === resolve('/', other)) return true;
  const real = realPath(workspace);
  return real !== undefined && real === realPath(other);
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    // Not there any more: then only its name can tell.
    return undefined;
  }
}
