import type { Image } from '../host/incus/images.ts';

/** Something that is made from an image, as it names the image. */
export interface ImageUser {
  readonly name: string;
  readonly image: string;
}

/** Names of those that name an image, by an alias or by its fingerprint. */
export function usersOfImage(
  { aliases, fingerprint }: Pick<Image, 'aliases' | 'fingerprint'>,
  users: readonly ImageUser[],
): readonly string[] {
  const isMeant = ({ image }: ImageUser) =>
    aliases.includes(image) || (isFingerprint(image) && fingerprint.startsWith(image));
  return users.filter(isMeant).map(({ name }) => name);
}

/** Whether a text may be the fingerprint of an image; Incus takes the beginning of one, too. */
export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{12,64}$/.test(text);
}
