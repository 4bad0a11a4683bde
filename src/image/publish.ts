import { pause, type Clock } from '../base/clock.ts';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Image, ImageOrigin, NewImage } from '../host/incus/images.ts';
import type { StartedOperation } from '../host/incus/operation.ts';

/** What making an image needs. */
export interface PublishTools {
  readonly incus: Pick<Incus, 'images' | 'operations'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A new image, and how it is to be packed. */
export interface Publishing extends Omit<NewImage, 'compression'> {
  readonly origin: ImageOrigin;
  /** The first of them that this host has is taken; Incus' own setting where it has none. {@link usualCompression} unless given. */
  readonly compression?: readonly string[];
  /** Is told from time to time how far it is, in Incus' own words. */
  readonly onProgress?: (text: string) => void;
}

/** Packs four times as fast as gzip, and smaller. */
export const usualCompression: readonly string[] = ['zstd -T0'];

/** Longest time until an image is made, in milliseconds. */
const longestMs = 4 * 3_600_000;

/** How often it is asked how far it is, in milliseconds. */
const everyMs = 500;

/**
 * Makes an image. It comes into being as a whole, with its aliases: whatever ends this, nothing half-made is left. When the
 * signal aborts, Incus cannot be stopped: its end is waited for, and the image taken away.
 *
 * @throws {IncusError} `conflict` where an alias is there already
 */
export async function publishImage(tools: PublishTools, publishing: Publishing): Promise<Image> {
  const { images, operations } = tools.incus;
  const started = await begin(tools, publishing);
  using _ = followProgress(tools, started, publishing.onProgress);
  try {
    const { fingerprint } = await operations.finish(started, { timeoutMs: longestMs, signal: tools.signal });
    return await images.get(String(fingerprint));
  } catch (error) {
    if (tools.signal.aborted) await takeBack(tools, started);
    throw error;
  }
}

async function begin({ incus: { images }, signal }: PublishTools, publishing: Publishing): Promise<StartedOperation> {
  const { origin, compression = usualCompression, onProgress: _, ...image } = publishing;
  for (const program of compression) {
    try {
      return await images.publish(origin, { ...image, compression: program }, { signal });
    } catch (error) {
      // The next one will do.
      if (!(isIncusError(error) && error.code === 'incus.no-compressor')) throw error;
    }
  }
  return await images.publish(origin, image, { signal });
}

async function takeBack({ incus: { images, operations } }: PublishTools, started: StartedOperation): Promise<void> {
  const outcome = await operations.wait(started, { timeoutMs: longestMs });
  if (outcome.kind === 'success') await operations.finish(await images.delete(String(outcome.metadata['fingerprint'])));
}

/** Tells how far an operation is until disposed of. */
function followProgress(
  tools: PublishTools,
  { operation }: StartedOperation,
  tell?: (text: string) => void,
): Disposable {
  const ended = new AbortController();
  if (tell) void follow(tools, operation.id, { tell, signal: AbortSignal.any([ended.signal, tools.signal]) });
  return { [Symbol.dispose]: () => ended.abort() };
}

interface Following {
  readonly tell: (text: string) => void;
  readonly signal: AbortSignal;
}

async function follow({ incus, clock }: PublishTools, id: string, { tell, signal }: Following): Promise<void> {
  for (;;) {
    await pause(clock, everyMs, signal);
    if (signal.aborted) return;
    try {
      const { metadata } = await incus.operations.get(id, { signal });
      const text = progressIn(metadata);
      if (text !== undefined) tell(text);
    } catch {
      // Whoever waits for its end learns what became of it: this only tells how far it is.
      return;
    }
  }
}

function progressIn(metadata: Readonly<Record<string, unknown>>): string | undefined {
  const text = Object.entries(metadata).find(([key]) => key.endsWith('_progress'))?.[1];
  return typeof text === 'string' ? text : undefined;
}
