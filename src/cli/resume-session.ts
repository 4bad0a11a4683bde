import { randomUUID } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock as clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import { ownerOf } from '../session/save/owner.ts';
import type { SavedSession } from '../session/save/store.ts';
import { SavedSessions } from '../session/save/saved-sessions.ts';
import { findTool } from '../session/tools/find-tool.ts';
import { parseSessionInstance } from '../spec/session-names.ts';
import type { Io } from './io.ts';
import type { ResumedPart } from './session-request.ts';
import { whoCalls } from './who.ts';

/** The saved sessions of whoever calls. @param tool name of the agent */
export async function savedSessions(io: Io, tool: string): Promise<SavedSessions> {
  const place = { owner: await ownerOf(whoCalls(io).uid), tool };
  return new SavedSessions({ place, clock, signal: io.signal });
}

/** Which session is to go on. */
export interface Resumed {
  readonly tool: string;
  /** Without links. */
  readonly workspace: string;
  /** Its id; `auto` for the one of the workspace that was saved last. */
  readonly id: string;
}

/**
 * A saved session to go on with.
 *
 * @throws {Problem} `session.none-saved` when the workspace has none; `session.unknown`, `session.other-workspace`
 */
export async function sessionToResume(io: Io, { tool, workspace, id }: Resumed): Promise<SavedSession> {
  const saved = await savedSessions(io, tool);
  if (id !== 'auto') return saved.require(id, workspace);
  const latest = (await saved.latest(workspace)) ?? (await unsavedSession(saved, { tool, workspace }));
  if (latest) return latest;
  throw new Problem({
    code: 'session.none-saved',
    message: `There is no saved session of ${tool} for this workspace`,
    hint: 'See all of them with: coi list --all. Or start a new one: coi shell',
  });
}

/** A session of the agent's own that coi never saved, where the workspace shows that there was one. */
async function unsavedSession(
  saved: SavedSessions,
  { tool, workspace }: Omit<Resumed, 'id'>,
): Promise<SavedSession | undefined> {
  const { workspaceMark } = findTool(tool);
  if (workspaceMark === undefined || !(await isDirectory(join(workspace, workspaceMark)))) return undefined;
  const id = randomUUID();
  await saved.note({ id, container: '', persistent: false, workspace });
  return saved.require(id, workspace);
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch {
    // Not there, or not to be seen: it shows nothing.
    return false;
  }
}

/** The slot that a session had, where its container was one of this workspace. */
export function slotOf(
  { container }: SavedSession,
  { prefix, hash }: { prefix: string; hash: string },
): number | undefined {
  const id = parseSessionInstance(container);
  return id?.prefix === prefix && id.hash === hash ? id.slot : undefined;
}

/** What `--resume` makes of a session: the id, the slot and the persistence of the one that goes on. */
export function resuming(io: Io, id: string): ResumedPart {
  return async (sandbox, { prefix, hash, options }) => {
    const { tool, workspace = '', session } = sandbox;
    if (tool.name === undefined || !session) throw nothingToResume();
    const saved = await sessionToResume(io, { tool: tool.name, workspace, id });
    const persistent = options.persistent ?? saved.persistent;
    const part = { ...session, id: saved.id, resumes: true } as const;
    return { sandbox: { ...sandbox, persistent, session: part }, slot: slotOf(saved, { prefix, hash }) };
  };
}

function nothingToResume(): Problem {
  return new Problem({
    code: 'session.not-kept',
    message: 'Only sessions of agents by name are saved, and this would run a command of its own',
    hint: 'Name the agent with --tool.',
  });
}
