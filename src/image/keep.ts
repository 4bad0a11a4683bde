import type { Image } from '../host/incus/images.ts';
import { parseVersion, type Version } from './versions.ts';

/** What deciding which versions stay needs of an image. */
export type Versioned = Pick<Image, 'fingerprint' | 'aliases'>;

/** One version, and what becomes of it. */
export interface Verdict extends Version {
  readonly fingerprint: string;
  /** Why it stays although it is none of the newest: names that mean its image beside versions that may go. */
  readonly heldBy: readonly string[];
}

/** Which versions stay and which go, each newest first by name. */
export interface Verdicts {
  readonly kept: readonly Verdict[];
  readonly gone: readonly Verdict[];
}

/** What to keep. */
export interface KeepRule {
  /** Which versions it is about; the others are neither kept nor gone. */
  readonly isMeant: (version: Version) => boolean;
  /** How many versions of each name stay: the newest. One number for all of them, or one for each name. */
  readonly keep: number | ((name: string) => number);
  /** Who needs an image, by any of its aliases or its fingerprint: as a rule sandboxes that name it. */
  readonly usersOf?: (image: Versioned) => readonly string[];
}

/**
 * Which versions of images stay: the newest of each name, and each image that anything else still means: another alias, a
 * version that stays, or a user. An image goes as a whole, so every alias of it has to be one that may go.
 */
export function decideVersions(images: readonly Versioned[], { isMeant, keep, usersOf }: KeepRule): Verdicts {
  const versions = images.flatMap(({ fingerprint, aliases }) =>
    aliases.flatMap((alias) => parseVersion(alias) ?? []).map((version) => ({ ...version, fingerprint })),
  );
  const meant = versions.filter(isMeant).toSorted(newestFirst);
  const byName = Map.groupBy(meant, ({ name }) => name);
  const keepOf = typeof keep === 'number' ? () => keep : keep;
  const newest = new Set([...byName].flatMap(([name, each]) => each.slice(0, keepOf(name))).map(({ alias }) => alias));
  const mayGo = new Set(meant.filter(({ alias }) => !newest.has(alias)).map(({ alias }) => alias));
  const byFingerprint = new Map(images.map((image) => [image.fingerprint, image]));
  const verdicts = meant.map((version): Verdict => {
    if (newest.has(version.alias)) return { ...version, heldBy: [] };
    const image = byFingerprint.get(version.fingerprint)!;
    const others = image.aliases.filter((alias) => !mayGo.has(alias));
    return { ...version, heldBy: [...others, ...(usersOf?.(image) ?? [])] };
  });
  const stays = ({ alias, heldBy }: Verdict) => newest.has(alias) || heldBy.length > 0;
  return { kept: verdicts.filter(stays), gone: verdicts.filter((verdict) => !stays(verdict)) };
}

function newestFirst(a: Version, b: Version): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return b.at - a.at;
}
