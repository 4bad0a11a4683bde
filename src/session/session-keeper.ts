import type { KeptInstance, SessionKeeper } from '../apply/session-keeper.ts';
import type { Clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import type { SessionStamp } from '../plan/session-stamp.ts';
import type { GuestPlace } from './save/guest-place.ts';
import type { SessionMetadata } from './save/metadata.ts';
import { ownerOf, type Owner } from './save/owner.ts';
import { restoreSession } from './save/restore-session.ts';
import { saveSession } from './save/save-session.ts';
import { SavedSessions } from './save/saved-sessions.ts';
import { findTool } from './tools/find-tool.ts';

/** What keeping sessions acts with. */
export interface SessionKeeperInit {
  readonly incus: Incus;
  readonly clock: Clock;
}

/** Keeps the state directories of agents, in `HOME/.coi/sessions-TOOL/ID/` of whoever a session belongs to. */
export function openSessionKeeper({ incus, clock }: SessionKeeperInit): SessionKeeper {
  return {
    async save({ instance, ...kept }, signal) {
      const { session } = kept;
      const guest = guestPlace(session);
      if (!guest) return;
      const place = { owner: await ownerToSave(session.owner), tool: session.tool };
      await saveSession({ instance, place, session: metadataOf(kept), guest, signal }, { incus, clock });
    },
    async restore({ instance, session }, guestOwner, signal) {
      const { id, workspace } = session;
      const place = { owner: await ownerOf(session.owner), tool: session.tool };
      const guest = guestPlace(session);
      if (guest) await restoreSession({ instance, place, id, workspace, guest, guestOwner, signal }, { incus, clock });
    },
    async note(kept, signal) {
      const { session } = kept;
      const place = { owner: await ownerOf(session.owner), tool: session.tool };
      if (!guestPlace(session)) return false;
      return new SavedSessions({ place, clock, signal }).note(metadataOf(kept));
    },
  };
}

/** Only whoever saves has something to lose, and can do without. */
async function ownerToSave(uid: number): Promise<Owner> {
  try {
    return await ownerOf(uid);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const hint = `${error.hint}. To delete the sandbox without saving: coi kill --no-save NAME`;
    throw new Problem({ code: error.code, message: error.message, hint, cause: error });
  }
}

/** Which files of an agent are its state; undefined for one that keeps everything in the workspace. */
function guestPlace({ tool: name, user }: SessionStamp): GuestPlace | undefined {
  const { stateDirectories: paths, credentials } = findTool(name);
  if (paths.length === 0) return undefined;
  const isInside = (file: string) => paths.some((path) => file.startsWith(`${path}/`));
  return { home: `/home/${user}`, paths, exclude: credentials.files.filter(isInside) };
}

function metadataOf({
  container,
  session,
}: Omit<KeptInstance, 'instance'>): Omit<SessionMetadata, 'savedAt' | 'leftOut'> {
  const { id, persistent, workspace } = session;
  return { id, container, persistent, workspace };
}
