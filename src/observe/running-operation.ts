import type { Incus } from '../host/incus/client.ts';

/**
 * Text of the Incus operation that runs on an instance; undefined when none does. Programs that run inside do not count:
 * they keep nobody from changing it.
 */
export async function runningOperation(
  { operations }: Pick<Incus, 'operations'>,
  instance: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const running = await operations.running({ signal });
  return running.find(({ instances, metadata }) => instances.includes(instance) && !metadata['command'])?.description;
}
