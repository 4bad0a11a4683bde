import type { Clock } from '../../base/clock.ts';
import { asOwner } from './as-owner.ts';
import type { SessionMetadata } from './metadata.ts';
import { type SessionsPlace, sessionsPath } from './open-sessions.ts';
import type { SavedSize } from './saved-size.ts';
import type { SavedSession } from './store.ts';

/** What {@link SavedSessions} is made from. */
export interface SavedSessionsInit {
  readonly place: SessionsPlace;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * The saved sessions of one user and one tool, read and written as that user. Changes nothing unless it says so. Methods
 * throw Problem `session.link` and `session.unreadable` when the directory cannot be used, `session.id` for what is no id.
 */
export class SavedSessions {
  readonly #init: SavedSessionsInit;

  constructor(init: SavedSessionsInit) {
    this.#init = init;
  }

  /** Where a session's directory is, for people. */
  pathOf(id: string): string {
    return `${sessionsPath(this.#init.place)}/${id}`;
  }

  /** The one saved last first. */
  list(): Promise<readonly SavedSession[]> {
    return asOwner({ kind: 'list', place: this.#init.place }, this.#init);
  }

  /** One by its id, whatever its workspace: to look at, not to resume. */
  async find(id: string): Promise<SavedSession | undefined> {
    return (await asOwner({ kind: 'find', place: this.#init.place, id }, this.#init)) ?? undefined;
  }

  /** The session of a workspace that was saved last. @param workspace absolute; empty for none */
  async latest(workspace: string): Promise<SavedSession | undefined> {
    return (await asOwner({ kind: 'latest', place: this.#init.place, workspace }, this.#init)) ?? undefined;
  }

  /**
   * A session to resume from a workspace.
   *
   * @throws {Problem} `session.unknown`; `session.other-workspace` when it is another workspace's
   */
  require(id: string, workspace: string): Promise<SavedSession> {
    return asOwner({ kind: 'require', place: this.#init.place, id, workspace }, this.#init);
  }

  /** How much a session's data is. */
  size(id: string): Promise<SavedSize> {
    return asOwner({ kind: 'size', place: this.#init.place, id }, this.#init);
  }

  /**
   * Writes what is known of a session, at its start and when it is made persistent; saved data stays, and its time.
   *
   * @returns whether there is data
   */
  async note(session: Omit<SessionMetadata, 'savedAt' | 'leftOut'>): Promise<boolean> {
    const metadata = { ...session, savedAt: new Date(this.#init.clock.now()).toISOString() };
    return asOwner({ kind: 'note', place: this.#init.place, metadata }, this.#init);
  }

  /** Removes a session and its data. @returns whether there was one */
  remove(id: string): Promise<boolean> {
    return asOwner({ kind: 'remove', place: this.#init.place, id }, this.#init);
  }

  /** Removes all sessions of the tool, damaged ones too. @returns how many */
  removeAll(): Promise<number> {
    return asOwner({ kind: 'remove-all', place: this.#init.place }, this.#init);
  }
}
