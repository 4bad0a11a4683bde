import { ulid } from 'ulid';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Image } from '../host/incus/images.ts';
import { publishImage, type Publishing, type PublishTools } from './publish.ts';
import { renderVersion } from './versions.ts';

/** What making an image of an instance that may be running needs. */
export interface PublishAsTools extends PublishTools {
  readonly incus: Pick<Incus, 'images' | 'operations' | 'instances'>;
}

/** Which instance, and what its image is to be called. */
export interface PublishingAs extends Omit<Publishing, 'origin' | 'aliases'> {
  readonly instance: string;
  readonly alias: string;
}

/** What was made. */
export interface PublishedAs {
  readonly image: Image;
  /** What the alias stood for before, and the alias that was given to that because it had no other. */
  readonly formerly?: { readonly fingerprint: string; readonly alias: string | undefined };
}

/** When Incus removes the snapshot by itself if nobody else does, in milliseconds: longer than any packing takes. */
const snapshotMs = 6 * 3_600_000;

/**
 * Makes an image of an instance as it is at this moment, and lets an alias stand for it. The instance goes on meanwhile: the
 * image is made of a snapshot. An alias that is there never stands for nothing, and what it stood for keeps a name: the
 * alias with the time when it came.
 *
 * @throws {IncusError} `gone` when there is no such instance
 */
export async function publishAs(tools: PublishAsTools, publishing: PublishingAs): Promise<PublishedAs> {
  const { instance, alias, ...rest } = publishing;
  const { images } = tools.incus;
  const isTaken = (await images.resolve(alias, tools)) !== undefined;
  const first = isTaken ? await freeVersion(tools, alias, tools.clock.now()) : alias;
  const image = await withSnapshot(tools, instance, (snapshot) =>
    publishImage(tools, { ...rest, origin: { instance, snapshot }, aliases: [first] }),
  );
  if (!isTaken) return { image };
  const formerly = await nameFormer(tools, alias);
  await images.setAlias(alias, image.fingerprint, tools);
  await images.deleteAlias(first, tools);
  return { image, ...(formerly && { formerly }) };
}

async function withSnapshot<T>(
  tools: PublishAsTools,
  instance: string,
  work: (name: string) => Promise<T>,
): Promise<T> {
  const { incus, clock, signal } = tools;
  const snapshot = `coi-publish-${ulid().toLowerCase()}`;
  const expiresAt = new Date(clock.now() + snapshotMs).toISOString();
  // Not called off half-way: then nobody would know whether there is one.
  await incus.operations.finish(await incus.instances.makeSnapshot(instance, { snapshot, expiresAt }));
  try {
    signal.throwIfAborted();
    return await work(snapshot);
  } finally {
    await removeSnapshot(tools, instance, snapshot);
  }
}

async function removeSnapshot({ incus }: PublishAsTools, instance: string, snapshot: string): Promise<void> {
  try {
    await incus.operations.finish(await incus.instances.deleteSnapshot(instance, snapshot));
  } catch (error) {
    // It went with its instance, or goes when it expires: the image is what was asked for.
    if (!isIncusError(error)) throw error;
  }
}

/** Gives what an alias stands for another one, unless it has one. */
export async function nameFormer(tools: PublishAsTools, alias: string): Promise<PublishedAs['formerly']> {
  const { images } = tools.incus;
  const fingerprint = await images.resolve(alias, tools);
  if (fingerprint === undefined) return undefined;
  const former = await images.get(fingerprint, tools);
  if (former.aliases.some((each) => each !== alias)) return { fingerprint, alias: undefined };
  const name = await freeVersion(tools, alias, Date.parse(former.uploadedAt) || tools.clock.now());
  await images.setAlias(name, fingerprint, tools);
  return { fingerprint, alias: name };
}

/** The alias of a version of that time, or of the next second that is free. */
export async function freeVersion({ incus, signal }: PublishAsTools, name: string, at: number): Promise<string> {
  for (let time = at; ; time += 1_000) {
    const alias = renderVersion(name, time);
    if ((await incus.images.resolve(alias, { signal })) === undefined) return alias;
  }
}
