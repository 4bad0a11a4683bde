import { Problem } from '../base/problem.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Image } from '../host/incus/images.ts';
import { publishImage, type Publishing } from './publish.ts';
import { nameFormer, type Former } from './replace-alias.ts';
import { isLeftOver, temporaryName } from './temporary.ts';
import { hasSnapshot, withSnapshot, type SnapshotTools } from './with-snapshot.ts';

/** Which instance, and what its image is to be called. */
export interface PublishingAs extends Omit<Publishing, 'origin' | 'aliases'> {
  readonly instance: string;
  readonly alias: string;
}

/** What was made. */
export interface PublishedAs {
  readonly image: Image;
  /** What the alias stood for before. */
  readonly formerly?: Former;
}

/**
 * Makes an image of an instance as it is at this moment, and lets an alias stand for it. The instance goes on meanwhile: the
 * image is made of a snapshot. An alias that is there never stands for nothing, and what it stood for keeps a name: the
 * alias with the time when it came.
 *
 * @throws {IncusError} `gone` when there is no such instance
 * @throws {Problem} `image.source-gone` when it was deleted or renamed meanwhile; then no image is left
 */
export async function publishAs(tools: SnapshotTools, publishing: PublishingAs): Promise<PublishedAs> {
  const { instance, alias, ...rest } = publishing;
  const { images } = tools.incus;
  // Until it is known to be whole it has a name that nobody else gives.
  const first = temporaryName(tools.clock);
  const image = await withSnapshot(tools, instance, (snapshot) =>
    publishWhole(tools, { ...rest, origin: { instance, snapshot }, aliases: [first] }),
  );
  const formerly = await nameFormer(tools, alias);
  await images.setAlias(alias, image.fingerprint);
  await images.deleteAlias(first);
  await removeLeftOvers(tools);
  return { image: { ...image, aliases: [alias] }, ...(formerly && { formerly }) };
}

/** Of a snapshot that is deleted under its hands Incus packs nothing, or, where storage deletes file by file, maybe a part. */
async function publishWhole(tools: SnapshotTools, publishing: Publishing): Promise<Image> {
  const { incus, signal } = tools;
  const { instance, snapshot = '' } = publishing.origin;
  const isThere = () => hasSnapshot(tools, instance, snapshot);
  try {
    const made = await publishImage(tools, publishing);
    if (!signal.aborted && (await isThere())) return made;
    await incus.operations.finish(await incus.images.delete(made.fingerprint));
  } catch (error) {
    if (signal.aborted || !isIncusError(error) || (await isThere())) throw error;
    // Whatever Incus says about the files that it missed, this is why.
  }
  signal.throwIfAborted();
  throw new Problem({
    code: 'image.source-gone',
    message: `${instance} was deleted or renamed while an image of it was made`,
    hint: 'No image was made of it.',
  });
}

/** What was made by somebody who was killed before it got its name; of what has got one, the name that it had until then. */
async function removeLeftOvers({ incus: { images, operations }, clock }: SnapshotTools): Promise<void> {
  for (const { aliases, fingerprint } of await images.list()) {
    const left = aliases.filter((name) => isLeftOver(name, clock.now()));
    if (left.length === 0) continue;
    if (left.length === aliases.length) await operations.finish(await images.delete(fingerprint));
    else for (const alias of left) await images.deleteAlias(alias);
  }
}
