import type { Image } from '../host/incus/images.ts';
import { mayBeFingerprint } from '../spec/names.ts';
import { parseSessionInstance } from '../spec/session-names.ts';
import { buildPrefix } from './build-tools.ts';

/** Something that is made from an image, as it names the image. */
export interface ImageUser {
  /** For people: `sandbox web`. */
  readonly name: string;
  readonly image: string;
}

/** All that may name images. */
export interface Declared {
  /** Sandboxes of all sources, sessions too, with the state that they are to have. */
  readonly sandboxes: Iterable<{
    readonly name: string;
    readonly image?: string | undefined;
    readonly state?: string | undefined;
  }>;
  /** Declared images, with what a script of theirs is run on. */
  readonly images: Iterable<{ readonly name: string; readonly base?: string | undefined }>;
}

/** Who needs images: nobody who is to go, and no build container, which needs none any more once it is there. */
export function imageUsers({ sandboxes, images }: Declared): readonly ImageUser[] {
  const isMeant = (name: string, state: string | undefined) =>
    state !== 'absent' && parseSessionInstance(name)?.prefix !== buildPrefix;
  const users = [...sandboxes].flatMap(({ name, image, state }) =>
    image !== undefined && isMeant(name, state) ? [{ name: `sandbox ${name}`, image }] : [],
  );
  const bases = [...images].flatMap(({ name, base }) =>
    base === undefined ? [] : [{ name: `image ${name}`, image: base }],
  );
  return [...users, ...bases];
}

/** Names of those that name an image, by an alias or by its fingerprint. */
export function usersOfImage(
  { aliases, fingerprint }: Pick<Image, 'aliases' | 'fingerprint'>,
  users: readonly ImageUser[],
): readonly string[] {
  const isMeant = ({ image }: ImageUser) =>
    aliases.includes(image) || (mayBeFingerprint(image) && fingerprint.startsWith(image));
  return users.filter(isMeant).map(({ name }) => name);
}
