import { Problem } from '../base/problem.ts';
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
  const image = await withSnapshot(tools, instance, async (snapshot) => {
    const made = await publishImage(tools, { ...rest, origin: { instance, snapshot }, aliases: [first] });
    await requireWhole(tools, { instance, snapshot, made });
    return made;
  });
  const formerly = await nameFormer(tools, alias);
  await images.setAlias(alias, image.fingerprint);
  await images.deleteAlias(first);
  await removeLeftOvers(tools);
  return { image: { ...image, aliases: [alias] }, ...(formerly && { formerly }) };
}

interface Made {
  readonly instance: string;
  readonly snapshot: string;
  readonly made: Image;
}

/** Storage that deletes file by file may leave a part of a snapshot for Incus to pack; with btrfs Incus says that it failed. */
async function requireWhole(tools: SnapshotTools, { instance, snapshot, made }: Made): Promise<void> {
  const { images, operations } = tools.incus;
  if (!tools.signal.aborted && (await hasSnapshot(tools, instance, snapshot))) return;
  await operations.finish(await images.delete(made.fingerprint));
  tools.signal.throwIfAborted();
  throw new Problem({
    code: 'image.source-gone',
    message: `${instance} was deleted or renamed while an image of it was made`,
    hint: 'No image was made of it.',
  });
}

/** What was made by somebody who was killed before it got its name. */
async function removeLeftOvers({ incus: { images, operations }, clock }: SnapshotTools): Promise<void> {
  const isLeft = (name: string) => isLeftOver(name, clock.now());
  for (const { aliases, fingerprint } of await images.list()) {
    if (aliases.length > 0 && aliases.every(isLeft)) await operations.finish(await images.delete(fingerprint));
  }
}
