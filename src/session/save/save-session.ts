import type { Clock } from '../../base/clock.ts';
import type { Incus } from '../../host/incus/client.ts';
import { asOwner } from './as-owner.ts';
import type { TreeLimits } from '../../host/tree/entry.ts';
import { usualLimits } from './usual-limits.ts';
import type { GuestPlace } from './guest-place.ts';
import type { SaveResult } from './job.ts';
import type { SessionMetadata } from './metadata.ts';
import type { SessionsPlace } from './open-sessions.ts';

/** What saving and restoring act with. */
export interface SessionHands {
  readonly incus: Incus;
  readonly clock: Clock;
}

/** A session to save. */
export interface SaveInit {
  /** Incus instance to save from: also one that was renamed for its deletion. */
  readonly instance: string;
  readonly place: SessionsPlace;
  /** What is written into `metadata.json`. Its container is the name the user knows, not that of a tombstone. */
  readonly session: Omit<SessionMetadata, 'savedAt' | 'leftOut'>;
  readonly guest: GuestPlace;
  /** 4 GiB, 100,000 entries, 64 directories deep unless given. */
  readonly limits?: Partial<TreeLimits>;
  readonly signal: AbortSignal;
}

/**
 * Saves the state of a sandbox's tool to `HOME/.coi/sessions-TOOL/ID/`, as its owner. May be called again and again,
 * for stopped, frozen and running instances. Memory does not depend on how much there is. What runs inside may hold up a
 * save for a minute, until `session.guest-files`; what is stopped or frozen cannot.
 *
 * - An earlier copy is replaced at the end, in one go: after a crash at any moment there is the old copy or the new one.
 * - Without any state inside only the metadata is written; an earlier copy stays (`hadState` false).
 * - Links stay links and are never followed, here or there. Fifos, devices, names that the host does not take, files that
 *   cannot be read, and what goes beyond the limits are left out; the largest files go first. `leftOut` tells.
 * - The instance is only read. It may be deleted as soon as this returns.
 *
 * @throws {Problem} The old copy is then as it was. To be tried again (`retry: 'backoff'`): `session.disk-full`,
 * `session.guest-files` (the instance's files gave no answer), `session.unwritten`, `session.refused`,
 * `session.unreadable`, `session.process`. Lasting: `session.id`, `session.tool`, `session.link`, `session.other-user`.
 * @throws {IncusError} `gone` when there is no such instance
 * @throws the signal's reason when it aborts; what was half-written is removed by then
 */
export async function saveSession(init: SaveInit, { incus, clock }: SessionHands): Promise<SaveResult> {
  const { instance, place, session, guest, limits, signal } = init;
  const socket = await incus.files.connect(instance, { signal });
  const metadata = { ...session, savedAt: new Date(clock.now()).toISOString() };
  const job = { kind: 'save', place, metadata, guest, limits: { ...usualLimits, ...limits } } as const;
  return asOwner(job, { clock, guest: socket, signal });
}
