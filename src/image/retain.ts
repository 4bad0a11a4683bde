import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Image } from '../host/incus/images.ts';
import { decideVersions, type Versioned } from './keep.ts';
import type { Version } from './versions.ts';

/** What having old versions go needs. */
export interface RetainTools {
  readonly incus: Pick<Incus, 'images' | 'operations'>;
  readonly signal: AbortSignal;
}

/** Which versions go. */
export interface Retention {
  /** How many versions of each name stay. */
  readonly keep: number;
  /** Aliases and fingerprints that sandboxes are declared with. */
  readonly used: ReadonlySet<string>;
  /** Whether versions of an image are meant at all. */
  readonly isMeant: (name: string, image: Image | undefined) => boolean;
}

/** Delete old versions of images, but none that another name still means. @returns the aliases that went */
export async function retainVersions(
  { incus, signal }: RetainTools,
  { keep, used, isMeant }: Retention,
): Promise<string[]> {
  const images = await incus.images.list({ signal });
  const byAlias = new Map(images.flatMap((image) => image.aliases.map((alias) => [alias, image] as const)));
  const usersOf = ({ aliases, fingerprint }: Versioned) => [...aliases, fingerprint].filter((name) => used.has(name));
  const isOne = ({ name, alias }: Version) => isMeant(name, byAlias.get(alias));
  const { gone } = decideVersions(images, { keep, usersOf, isMeant: isOne });
  const removed: string[] = [];
  for (const { alias, fingerprint } of gone) if (await remove(fingerprint)) removed.push(alias);
  return removed;

  async function remove(fingerprint: string): Promise<boolean> {
    try {
      await incus.operations.finish(await incus.images.delete(fingerprint, { signal }));
      return true;
    } catch (error) {
      // Somebody else was faster, or it had two of these aliases and went with the first.
      if (isIncusError(error, 'gone')) return false;
      throw error;
    }
  }
}
