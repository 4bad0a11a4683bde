import type { Image } from '../host/incus/images.ts';
import { identitiesOf, type BaseTools } from './bases.ts';
import type { Definition } from './definition.ts';
import type { Built } from './build-tools.ts';
import { recipeOf } from './recipe.ts';
import { parseVersion } from './versions.ts';

/** Properties of an image that a definition made. */
export const imageProperties = {
  definition: 'coi.definition',
  recipe: 'coi.recipe',
  versions: 'coi.versions',
} as const;

/**
 * The image of a definition as far as there is nothing to build: its alias means what the definition comes to, or an image
 * that no definition made, which stays.
 */
export async function upToDate(tools: BaseTools, definition: Definition): Promise<Built | undefined> {
  const { incus, signal, say } = tools;
  const { alias } = definition;
  const fingerprint = await incus.images.resolve(alias, { signal });
  const image = fingerprint === undefined ? undefined : await incus.images.get(fingerprint, { signal });
  if (image && image.properties[imageProperties.definition] === undefined) {
    say(`The image "${alias}" was not made from a definition and stays; to replace it: --force`);
    return builtBefore(alias, image);
  }
  if (!image || !(await wantedBy(tools, definition))(image)) return undefined;
  say(`The image "${alias}" is up to date; to build it anew: --force`);
  return builtBefore(alias, image);
}

/** Lets the alias stand for an image that was built like this before: by a build that was ended, or before it was changed back. */
export async function regain(tools: BaseTools, definition: Definition): Promise<Built | undefined> {
  const { incus, signal, say } = tools;
  const { alias } = definition;
  const isWanted = await wantedBy(tools, definition);
  const isVersion = (name: string) => parseVersion(name)?.name === alias;
  const images = (await incus.images.list({ signal })).filter((each) => isWanted(each) && each.aliases.some(isVersion));
  const image = images.toSorted((a, b) => (a.uploadedAt < b.uploadedAt ? 1 : -1))[0];
  if (!image) return undefined;
  await incus.images.setAlias(alias, image.fingerprint, { signal });
  const built = builtBefore(alias, image);
  say(`The image "${alias}" was built like this before: it is ${built.versionAlias}`);
  return built;
}

async function wantedBy(tools: BaseTools, definition: Definition): Promise<(image: Image) => boolean> {
  const recipes = new Set((await identitiesOf(tools, definition)).map((identity) => recipeOf(definition, identity)));
  return ({ properties: { [imageProperties.definition]: name, [imageProperties.recipe]: recipe = '' } }) =>
    recipes.has(recipe) && name === definition.name;
}

/** @param image what its alias stands for */
function builtBefore(alias: string, { fingerprint, aliases }: Pick<Image, 'fingerprint' | 'aliases'>): Built {
  const versionAlias = aliases.find((each) => parseVersion(each)?.name === alias);
  return { alias, ...(versionAlias !== undefined && { versionAlias }), fingerprint, skipped: true, stages: [] };
}
