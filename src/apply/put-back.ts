import { isInPlace, sessionStampOf } from '../plan/session-stamp.ts';
import { renderStamp } from '../plan/stamp.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Task } from './hands.ts';
import { isMeant } from './target.ts';

/**
 * Put what was saved of a session into an instance that is new to it, or note that a new one has begun, and remember on the
 * instance that this was done.
 *
 * @returns whether its session goes on: it was there already, or was put there
 * @throws {Problem} why what was saved could not be put there
 */
export async function putBack(
  { hands, step, signal }: Task,
  { manifest }: { readonly manifest: Manifest },
): Promise<boolean> {
  const session = sessionStampOf(manifest, step.precondition.uid ?? '');
  if (!session) return false;
  const seen = hands.instances.get(step.instance);
  if (isMeant(seen, step) && isInPlace(seen.owner.stamp, session)) return true;
  const kept = { instance: step.instance, container: manifest.instance, session };
  const { uid } = manifest.sandbox.codeUser;
  const restore = () => hands.sessions.restore(kept, { uid, gid: uid }, signal);
  if (session.resumes) await restore();
  // Also of one that goes on: it is in another container now.
  const isSaved = await hands.sessions.note(kept, signal);
  // Its container was taken away behind our back: what is saved from here on would replace the only copy.
  if (isSaved && !session.resumes) await restore();
  await hands.incus.instances.patch(step.instance, { config: renderStamp({ restored: session.id }) }, { signal });
  // What a copy goes on with came with it.
  return isSaved || manifest.sandbox.origin !== undefined;
}
