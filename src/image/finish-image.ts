import { Problem } from '../base/problem.ts';
import type { Image } from '../host/incus/images.ts';
import type { BuildTools } from './build-tools.ts';
import type { Definition } from './definition.ts';
import { freeVersion, nameFormer } from './replace-alias.ts';
import { publishImage } from './publish.ts';
import { imageProperties } from './up-to-date.ts';

/** What is to become the image of a definition. */
export interface Result {
  readonly definition: Definition;
  readonly recipe: string;
}

/** A finished image. */
export interface Finished {
  readonly versionAlias: string;
  readonly fingerprint: string;
}

type FinishTools = Pick<BuildTools, 'incus' | 'clock' | 'signal'>;

/**
 * Make an image of a build container that stands still, and let the alias stand for it. The image comes into being as a whole,
 * with an alias of its own; the plain alias is moved, so that there is no moment without it.
 *
 * @throws {Problem} `image.too-large`: then nothing stands for it, and it is gone
 */
export async function publishContainer(tools: FinishTools, instance: string, result: Result): Promise<Finished> {
  const versionAlias = await freeVersion(tools, result.definition.alias, tools.clock.now());
  const properties = propertiesOf(result);
  const image = await publishImage(tools, { origin: { instance }, aliases: [versionAlias], properties });
  await moveAlias(tools, result, image);
  return { versionAlias, fingerprint: image.fingerprint };
}

async function moveAlias(tools: FinishTools, { definition }: Result, image: Image): Promise<void> {
  const { images, operations } = tools.incus;
  const { alias, maxBytes } = definition;
  if (maxBytes !== undefined && image.sizeBytes > maxBytes) {
    await operations.finish(await images.delete(image.fingerprint));
    throw tooLarge(definition, image.sizeBytes, maxBytes);
  }
  await nameFormer(tools, alias);
  await images.setAlias(alias, image.fingerprint, { signal: tools.signal });
}

function propertiesOf({ definition: { name, description, versions }, recipe }: Result): Record<string, string> {
  const pinned = Object.entries(versions).map(([key, value]) => `${key}=${value}`);
  return {
    description,
    [imageProperties.definition]: name,
    [imageProperties.recipe]: recipe,
    ...(pinned.length > 0 && { [imageProperties.versions]: pinned.join(' ') }),
  };
}

function tooLarge({ name }: Definition, bytes: number, max: number): Problem {
  const mib = (size: number) => `${(size / 2 ** 20).toFixed(1)} MiB`;
  return new Problem({
    code: 'image.too-large',
    message: `The image of "${name}" has ${mib(bytes)}, more than the ${mib(max)} that its definition allows`,
    hint: 'Have a step take away what is not needed, or raise size.max in its image.toml.',
  });
}
