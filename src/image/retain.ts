import type { Image } from '../host/incus/images.ts';
import { decideVersions, type KeepRule, type Versioned } from './keep.ts';
import { removeVersions, type RemoveTools } from './remove-versions.ts';
import { imageProperties } from './up-to-date.ts';
import { usersOfImage, type ImageUser } from './users.ts';
import type { Version } from './versions.ts';

/** Which versions go. */
export interface Retention {
  /** How many versions of each name stay. */
  readonly keep: KeepRule['keep'];
  /** Who needs images. */
  readonly users: readonly ImageUser[];
  /** The one image whose versions are meant; all of them unless given. */
  readonly only?: string;
}

/**
 * Delete old versions of images that definitions made, but none that another name or user still means.
 *
 * @returns the aliases that went
 */
export async function retainVersions(tools: RemoveTools, { keep, users, only }: Retention): Promise<string[]> {
  const images = await tools.incus.images.list({ signal: tools.signal });
  const made = new Set(images.filter(isMade).flatMap(({ aliases }) => aliases));
  const usersOf = (image: Versioned) => usersOfImage(image, users);
  const isMeant = ({ name, alias }: Version) => made.has(alias) && (only === undefined || name === only);
  const { gone } = decideVersions(images, { keep, usersOf, isMeant });
  return (await removeVersions(tools, gone)).map(({ alias }) => alias);
}

/** What a person published, or imported, is that person's to delete. */
function isMade({ properties }: Image): boolean {
  return properties[imageProperties.definition] !== undefined;
}
