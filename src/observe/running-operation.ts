import type { Incus } from '../host/incus/client.ts';
import type { Operation } from '../host/incus/operation.ts';

/**
 * Text of the Incus operation that runs on an instance; undefined when none does. Programs that run inside, and consoles,
 * do not count: they keep nobody from changing it.
 */
export async function runningOperation(
  { operations }: Pick<Incus, 'operations'>,
  instance: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const running = await operations.running({ signal });
  const isWork = ({ instances, isTask, metadata }: Operation) =>
    instances.includes(instance) && isTask && !metadata['command'];
  return running.find(isWork)?.description;
}
