import type { Clock } from '../base/clock.ts';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Image, ImageOrigin, NewImage } from '../host/incus/images.ts';
import type { StartedOperation } from '../host/incus/operation.ts';
import { followProgress } from './follow-progress.ts';

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

/** What begins so says how an image was made: what is made of it was not made so. */
const ownProperties = 'coi.';

/** Longest time until an image is made, in milliseconds. */
const longestMs = 4 * 3_600_000;

/** How often the same is packed, and the time between, in milliseconds. */
const tries = 3;
const sameSecondMs = 1_000;

/**
 * Makes an image. It comes into being as a whole, with its aliases: whatever ends this, nothing half-made is left. When the
 * signal aborts, Incus cannot be stopped: its end is waited for, and the image taken away.
 *
 * @throws {IncusError} `conflict` where an alias is there already
 */
export async function publishImage(tools: PublishTools, publishing: Publishing): Promise<Image> {
  const { images } = tools.incus;
  const fingerprint = await packed(tools, publishing);
  const image = await images.get(fingerprint);
  const properties = { ...withoutOwn(image.properties), ...publishing.properties };
  if (Object.keys(properties).length < Object.keys(image.properties).length)
    await images.setProperties(fingerprint, properties);
  return { ...image, properties };
}

function withoutOwn(properties: Image['properties']): Image['properties'] {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => !key.startsWith(ownProperties)));
}

/** @returns its fingerprint */
async function packed(tools: PublishTools, publishing: Publishing): Promise<string> {
  for (const program of publishing.compression ?? usualCompression) {
    try {
      return await packWith(tools, publishing, program);
    } catch (error) {
      // The next one will do.
      if (!(isIncusError(error) && error.code === 'incus.no-compressor')) throw error;
    }
  }
  return packWith(tools, publishing);
}

/**
 * Incus writes into an image the second in which it was made, and refuses to make one twice: what has not changed since the
 * last image of it is packed again, a moment later.
 */
async function packWith(tools: PublishTools, publishing: Publishing, program?: string): Promise<string> {
  for (let left = tries; ; left -= 1) {
    try {
      return await packOnce(tools, publishing, program);
    } catch (error) {
      if (left <= 1 || !(isIncusError(error) && error.code === 'incus.image-made')) throw error;
      await tools.clock.sleep(sameSecondMs, tools.signal);
    }
  }
}

async function packOnce(tools: PublishTools, publishing: Publishing, program?: string): Promise<string> {
  const { images, operations } = tools.incus;
  const { origin, aliases, properties } = publishing;
  const image = { ...(aliases && { aliases }), ...(properties && { properties }), compression: program };
  const started = await images.publish(origin, image, { signal: tools.signal });
  using _ = followProgress(tools, started, publishing.onProgress);
  try {
    const { fingerprint } = await operations.finish(started, { timeoutMs: longestMs, signal: tools.signal });
    return String(fingerprint);
  } catch (error) {
    await takeBack(tools, started);
    throw error;
  }
}

/** Waits for its end, and removes what there is then. */
async function takeBack({ incus: { images, operations } }: PublishTools, started: StartedOperation): Promise<void> {
  const outcome = await operations.wait(started, { timeoutMs: longestMs });
  const made = outcome.kind === 'unknown' ? undefined : outcome.metadata['fingerprint'];
  if (typeof made !== 'string') return;
  const image = (await images.list()).find(({ fingerprint }) => fingerprint === made);
  // One that failed has no alias; if it has, it is the same image made by somebody else before.
  if (!image || (outcome.kind === 'failure' && image.aliases.length > 0)) return;
  await operations.finish(await images.delete(made));
}
