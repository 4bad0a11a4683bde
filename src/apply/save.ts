import { holdsState } from '../plan/session-stamp.ts';
import { parseStamp, renderStamp } from '../plan/stamp.ts';
import type { Task } from './hands.ts';
import { findTarget } from './target.ts';

/** Save the session of an instance that stands still, and remember on it that this was done. */
export async function save(task: Task): Promise<void> {
  const { hands, step, signal } = task;
  const { instance, etag } = await findTarget(task);
  const stamp = parseStamp(instance.config);
  if (!stamp?.session || !holdsState(stamp)) return;
  const savedAt = hands.clock.now();
  await hands.sessions.save({ instance: step.instance, container: stamp.instance, session: stamp.session }, signal);
  await hands.incus.instances.patch(step.instance, { config: renderStamp({ saved: savedAt }) }, { etag, signal });
}
