import { asOwner } from './as-owner.ts';
import type { GuestPlace } from './guest-place.ts';
import type { CopyResult } from './job.ts';
import type { SessionsPlace } from './open-sessions.ts';
import type { SessionHands } from './save-session.ts';

/** A session to put into a sandbox. */
export interface RestoreInit {
  /** Incus instance, running or not. */
  readonly instance: string;
  readonly place: SessionsPlace;
  readonly id: string;
  /** Workspace that it is resumed from; empty for none. */
  readonly workspace: string;
  readonly guest: GuestPlace;
  /** The user that the agent runs as inside: whose the files become. */
  readonly guestOwner: { readonly uid: number; readonly gid: number };
  readonly signal: AbortSignal;
}

/**
 * Puts the saved state of a tool into a sandbox, over what its image has there. For new instances, before the agent
 * starts and before credentials are copied: nothing in a sandbox that an agent has been in can be relied on to lead where
 * it says, though never out of the sandbox. Files are read as their owner, following no link.
 *
 * A session without data restores nothing and is fine. Links belong to root inside; permissions and times are as saved.
 *
 * @throws {Problem} `session.id`, `session.unknown`, `session.other-workspace`, `session.link`, `session.no-guest-home`,
 * `session.other-user`; to be tried again: `session.guest-full`, `session.guest-files`, `session.refused`,
 * `session.unreadable`, `session.process`
 * @throws {IncusError} `gone` when there is no such instance
 * @throws the signal's reason when it aborts
 */
export async function restoreSession(init: RestoreInit, { incus, clock }: SessionHands): Promise<CopyResult> {
  const { instance, signal, ...rest } = init;
  const socket = await incus.files.connect(instance, { signal });
  return asOwner({ kind: 'restore', ...rest }, { clock, guest: socket, signal });
}
