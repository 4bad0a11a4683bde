import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { PublishTools } from './publish.ts';
import { temporaryMs, temporaryName } from './temporary.ts';

/** What working with a snapshot needs. */
export interface SnapshotTools extends PublishTools {
  readonly incus: Pick<Incus, 'images' | 'operations' | 'instances'>;
}

/** Longest time until there is one, in milliseconds: storage that cannot clone copies. */
const longestMs = 3_600_000;

/**
 * Does something with a snapshot of an instance, and removes it again (Incus does where we are killed): also at once when the signal aborts, so that what
 * reads it comes to an end.
 */
export async function withSnapshot<T>(
  tools: SnapshotTools,
  instance: string,
  work: (snapshot: string) => Promise<T>,
): Promise<T> {
  const { incus, clock, signal } = tools;
  signal.throwIfAborted();
  const snapshot = temporaryName(clock);
  const expiresAt = new Date(clock.now() + temporaryMs).toISOString();
  // Not called off half-way: then nobody would know whether there is one.
  const started = await incus.instances.makeSnapshot(instance, { snapshot, expiresAt });
  await incus.operations.finish(started, { timeoutMs: longestMs });
  let removal: Promise<void> | undefined;
  const remove = () => (removal ??= removeSnapshot(tools, instance, snapshot));
  const stop = () => void remove();
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    return await work(snapshot);
  } finally {
    signal.removeEventListener('abort', stop);
    await remove();
  }
}

/** Whether an instance has a snapshot. */
export async function hasSnapshot({ incus }: SnapshotTools, instance: string, snapshot: string): Promise<boolean> {
  try {
    return (await incus.instances.snapshotNames(instance)).includes(snapshot);
  } catch (error) {
    if (isIncusError(error, 'gone')) return false;
    throw error;
  }
}

async function removeSnapshot({ incus }: SnapshotTools, instance: string, snapshot: string): Promise<void> {
  try {
    await incus.operations.finish(await incus.instances.deleteSnapshot(instance, snapshot));
  } catch (error) {
    // It went with its instance, or goes when it expires: what was asked for is something else.
    if (!isIncusError(error)) throw error;
  }
}
