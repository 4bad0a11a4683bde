import { isInPlace, sessionStampOf } from '../plan/session-stamp.ts';
import { renderStamp } from '../plan/stamp.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Task } from './hands.ts';

/**
 * Put what was saved of a session into an instance that is new to it, or note that a new one has begun, and remember on the
 * instance that this was done.
 *
 * @returns whether its session was there already
 * @throws {Problem} why what was saved could not be put there
 */
export async function putBack(
  { hands, step, signal }: Task,
  { manifest }: { readonly manifest: Manifest },
): Promise<boolean> {
  const { owner } = hands.instances.get(step.instance) ?? {};
  const stamp = owner?.kind === 'owned' ? owner.stamp : undefined;
  const session = sessionStampOf(manifest, step.precondition.uid ?? stamp?.uid ?? '');
  if (!session) return false;
  if (stamp && isInPlace(stamp, session)) return true;
  const kept = { instance: step.instance, container: manifest.instance, session };
  const { uid } = manifest.sandbox.codeUser;
  // What a copy goes on with came with it: what is saved of the session that it was copied from is not for it.
  const isCopy = manifest.sandbox.origin !== undefined;
  if (session.resumes && !isCopy) await hands.sessions.restore(kept, { uid, gid: uid }, signal);
  // Also of one that goes on: it is in another container now.
  await hands.sessions.note(kept, signal);
  await hands.incus.instances.patch(step.instance, { config: renderStamp({ restored: session.id }) }, { signal });
  return isCopy;
}
