import type { SessionStamp } from '../plan/session-stamp.ts';

/** An instance with a session. */
export interface KeptInstance {
  /** What it is called now. */
  readonly instance: string;
  /** What people know it as. */
  readonly container: string;
  readonly session: SessionStamp;
}

/** Keeps what agents leave: their state goes to the home of whoever the session belongs to, and comes back from there. */
export interface SessionKeeper {
  /** Save from an instance that stands still. @throws {Problem} why it could not; what was saved before is as it was */
  save(kept: KeptInstance, signal: AbortSignal): Promise<void>;
  /** Put what was saved into an instance that no agent has been in. @throws {Problem} why it could not */
  restore(kept: KeptInstance, to: { readonly uid: number; readonly gid: number }, signal: AbortSignal): Promise<void>;
  /** Note that there is such a session, before anything of it is saved. @returns whether something was saved of it already */
  note(kept: KeptInstance, signal: AbortSignal): Promise<boolean>;
}
