import type { Image } from '../host/incus/images.ts';
import { decideVersions, type KeepRule, type Versioned } from './keep.ts';
import { removeVersions, type RemoveTools } from './remove-versions.ts';
import type { Version } from './versions.ts';

/** Which versions go. */
export interface Retention {
  /** How many versions of each name stay. */
  readonly keep: KeepRule['keep'];
  /** Aliases and fingerprints that sandboxes are declared with. */
  readonly used: ReadonlySet<string>;
  /** Whether versions of an image are meant at all. */
  readonly isMeant: (name: string, image: Image | undefined) => boolean;
}

/** Delete old versions of images, but none that another name or a sandbox still means. @returns the aliases that went */
export async function retainVersions(tools: RemoveTools, { keep, used, isMeant }: Retention): Promise<string[]> {
  const images = await tools.incus.images.list({ signal: tools.signal });
  const byAlias = new Map(images.flatMap((image) => image.aliases.map((alias) => [alias, image] as const)));
  const usersOf = ({ aliases, fingerprint }: Versioned) => [...aliases, fingerprint].filter((name) => used.has(name));
  const isOne = ({ name, alias }: Version) => isMeant(name, byAlias.get(alias));
  const { gone } = decideVersions(images, { keep, usersOf, isMeant: isOne });
  return (await removeVersions(tools, gone)).map(({ alias }) => alias);
}
